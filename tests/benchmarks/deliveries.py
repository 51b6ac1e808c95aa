"""Ten thousand findings at once, for three receivers of which one hangs: what the other two get, how soon, and that nothing is lost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert, select

from driftwatch.daemon.postman import Postmen
from driftwatch.domain.notification import Route, Routing
from driftwatch.domain.report import Event, NotifierTold
from driftwatch.notifiers import alertmanager, webhook
from driftwatch.operations import outbox
from driftwatch.ports import Notifier
from driftwatch.stores.schema import decisions, findings
from driftwatch.telemetry.metrics import Metrics
from tests.benchmarks.world import Bench, Line, Table, at_most
from tests.contract.notifiers.receiver import Receiver, receiving
from tests.world import GROUPS, World, settled_world

FINDINGS: Final = 10_000
QUICK: Final = 1_000
PATIENCE_S: Final = 300.0
SLOWER: Final = 1.5
"""How much longer the others may take because one hangs. It costs the threads, and what is noted of its attempts."""
SIEM, PAGER, HANGS = "siem", "pager", "hangs"


@dataclass
class Told:
    """What came of one run: seconds until each receiver knew every finding, the posts it got, and how many findings it never heard of."""

    seconds: dict[str, float] = field(default_factory=dict)
    posts: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    attempts: int = 0
    """At the one that hangs."""
    still_owed: int = 0
    """What the one that hangs is owed at the end."""


def run(bench: Bench) -> Table:
    number = QUICK if bench.quick else FINDINGS
    alone = _measured(bench, number, hanging=False)
    beside = _measured(bench, number, hanging=True)
    lines = []
    for name, what in ((SIEM, "webhook"), (PAGER, "Alertmanager")):
        for told, how in ((alone, "all answer"), (beside, "one hangs")):
            ratio = told.seconds[name] / alone.seconds[name] if told is beside else None
            goal = at_most(SLOWER, ratio) if ratio else {}
            measured = f"{told.seconds[name]:.1f} s, {_per_minute(number, told.seconds[name])} findings/min, {told.posts[name]} posts"
            lines.append(Line(what=f"{what}, {how}", measured=measured, ratio=ratio, against="all answer" if ratio else "", **goal))
    lost = sum(beside.lost.values())
    lines.append(Line(what="findings that a receiver which answers never heard of", measured=f"{lost}", **at_most(0, lost)))
    dropped = number - beside.still_owed
    lines.append(Line(what="findings that the one that hangs is no longer owed", measured=f"{dropped}", **at_most(0, dropped)))
    return Table(
        title=f"deliveries: {number:,} findings at once, from owed to heard, SQLite file, receivers on this machine",
        lines=lines,
        notes=[
            f"the one that hangs was tried {beside.attempts} times meanwhile",
            "a storm: the webhook gets summaries of up to a thousand findings that name each; Alertmanager gets an alert for each",
        ],
    )


def _per_minute(number: int, seconds: float) -> str:
    return f"{60 * number / seconds:,.0f}"


def _measured(bench: Bench, number: int, *, hanging: bool) -> Told:
    with ExitStack() as stack:
        sinks = {name: stack.enter_context(receiving()) for name in (SIEM, PAGER, *([HANGS] if hanging else []))}
        if hanging:
            sinks[HANGS].hang_s = 2 * PATIENCE_S
        notifiers = [_notifier(name, sink.url, bench.folder) for name, sink in sinks.items()]
        names = tuple(sinks)
        routing = Routing(notifiers=names, routes=(Route(to=names),))
        world = _world(bench.folder / f"deliveries-{len(names)}.db", number)
        stack.enter_context(closing(world.store))
        world.change(notifiers=notifiers, routing=routing, clock=lambda: datetime.now(UTC))
        outbox.reconcile(world.installation)
        return _told(world, sinks, number)


def _told(world: World, sinks: dict[str, Receiver], number: int) -> Told:
    """Lets the postmen go, and waits until those that answer know everything."""
    stopping, found, attempts = threading.Event(), Told(), []

    def report(event: Event) -> None:
        if isinstance(event, NotifierTold) and event.notifier == HANGS:
            attempts.append(event)

    heard: dict[str, Callable[[Sequence[Any]], set[str]]] = {SIEM: _by_webhook, PAGER: _by_alertmanager}
    postmen = Postmen(lambda: world.installation, Metrics(), report, stopping)
    began = time.time()
    postmen.start()
    while len(found.seconds) < len(heard) and time.time() - began < PATIENCE_S:
        time.sleep(0.2)
        for name in heard.keys() - found.seconds.keys():
            if len(heard[name](_bodies(sinks[name]))) == number:
                found.seconds[name] = sinks[name].got[-1].at - began
    with world.store.read() as uow:
        owed = uow.deliveries.measures().get(HANGS)
    stopping.set()
    for name, ids in heard.items():
        found.seconds.setdefault(name, PATIENCE_S)
        found.lost[name] = number - len(ids(_bodies(sinks[name])))
        found.posts[name] = len(sinks[name].got)
    for sink in sinks.values():
        sink.stopping.set()
    postmen.join(15)
    found.attempts, found.still_owed = len(attempts), owed.owed if owed else 0
    return found


def _bodies(sink: Receiver) -> list[Any]:
    return [json.loads(got.body) for got in list(sink.got)]


def _by_webhook(bodies: Sequence[Any]) -> set[str]:
    return {id_ for body in bodies for id_ in body["data"]["finding_ids"]}


def _by_alertmanager(bodies: Sequence[Any]) -> set[str]:
    return {alert["labels"]["finding"] for body in bodies for alert in body}


def _notifier(name: str, url: str, folder: Path) -> Notifier:
    if name == PAGER:
        return alertmanager.create(name, alertmanager.Settings(url=url, resend_s=3600))
    secret = folder / "webhook.secret"
    secret.write_text("whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=")
    secret.chmod(0o600)
    return webhook.create(name, webhook.Settings(url=url, secret_file=secret, allow_http=True, allow_private=("127.0.0.0/8",)))


def _world(file: Path, number: int) -> World:
    """A world with one finding, and copies of it under other names: what a scan would have written, in seconds."""
    world = settled_world(url=f"sqlite:///{file}")
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    with world.store.write() as work:
        connection = work.findings._session.connection  # type: ignore[attr-defined]
        row = dict(connection.execute(select(findings)).one()._mapping)
        made = dict(connection.execute(select(decisions)).one()._mapping)
        numbers = range(1, number)
        connection.execute(insert(findings), [_copy(row, item) for item in numbers])
        connection.execute(insert(decisions), [made | {"decision": made["decision"] + n, "finding_id": _id(n)} for n in numbers])
    return world


def _id(number: int) -> str:
    return f"finding-{number:020x}"


def _copy(row: dict[str, Any], number: int) -> dict[str, Any]:
    seen = row["first_seen"] - timedelta(seconds=number)
    return row | {"id": _id(number), "resource": f"sg-{number}", "resource_id": f"{row['resource_id']}-{number}", "first_seen": seen}
