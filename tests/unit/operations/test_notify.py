"""The outbox: what is owed is told at least once, in order, and never to anybody's cost but the receiver's own."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from driftwatch.domain.authorization import lifecycle
from driftwatch.domain.authorization.exception_lifecycle import content_hash
from driftwatch.domain.finding import LIVE, FindingState
from driftwatch.domain.message import DELIVERED, Message, Outcome, Result
from driftwatch.domain.notification import Delivery, DeliveryState, Phase, Route, Routing, Severity
from driftwatch.errors import NotFoundError, StoreError
from driftwatch.operations import clocks, exceptions, findings, notify, outbox, queues
from tests.fakes import FakeNotifier
from tests.unit.operations.acts import CLEO, covering, later
from tests.world import ANA, BEN, BUCKETS, GROUPS, World, settled_world

ROUTING = Routing(notifiers=("ops",), routes=(Route(to=("ops",)),))
REFUSED = Outcome(result=Result.REFUSED, why="400: no")
RETRY = Outcome(result=Result.RETRY, why="503")


def noisy(notifier: FakeNotifier | None = None, routing: Routing = ROUTING) -> tuple[World, FakeNotifier]:
    """A settled world with one notifier."""
    made = notifier or FakeNotifier()
    world = settled_world()
    world.change(routing=routing, notifiers=[made])
    return world, made


def drift(world: World, *ids: str, size: int = 2, minutes: float = 10) -> None:
    for id_ in ids:
        world.put(GROUPS, id_, Size=size, Rules=["a", "b"])
    world.scan(minutes)


def heal(world: World, id_: str = "one") -> None:
    drift(world, id_, size=1)


def deliver(world: World, notifier: FakeNotifier) -> Mapping[Result, int]:
    return notify.deliver(world.installation, notifier, lambda: 0.0)


def rows(world: World) -> list[Delivery]:
    with world.store.read() as uow:
        return list(uow.deliveries.of([finding.id for finding in uow.findings.all()]))


def phases(notifier: FakeNotifier) -> list[tuple[str, str]]:
    return [(item.resource.rpartition("/")[2], message.phase.value) for message in notifier.sent for item in message.told]


# --- written in the finding's transaction ---------------------------------------------------------------------------------------------


def test_no_operation_stores_a_finding_but_through_the_outbox() -> None:
    folder = Path(outbox.__file__).parent.parent
    places = [
        f"{path.name}:{node.lineno}"
        for path in sorted(folder.rglob("*.py"))
        if path.name != "outbox.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "save" and getattr(node.value, "attr", "") == "findings"
    ]
    assert not places


def test_a_transaction_that_fails_owes_nothing() -> None:
    world, _ = noisy()
    drift(world, "one")
    before, (finding,) = rows(world), world.live()

    def half() -> None:
        with world.store.write() as uow:
            outbox.save(uow, world.installation.routing, lifecycle.snapshot_clean(finding, world.now), world.now)
            raise StoreError("killed")

    with pytest.raises(StoreError):
        half()
    assert (rows(world), world.live()) == (before, [finding])


def excepted(world: World) -> None:
    (finding,) = world.live()
    asked = exceptions.request(world.installation, finding.id, ANA, reason="because", until=later(world, minutes=1) + timedelta(days=1))
    exceptions.approve(world.installation, asked.id, CLEO, seen_hash=content_hash(asked))


def covered(world: World) -> None:
    covering(world, "one")
    world.scan()


ENDS: dict[str, Callable[[World], object]] = {
    "reverted": heal,
    "superseded": lambda world: drift(world, "one", size=3),
    "baselined": lambda world: world.baseline(),
    "excepted": excepted,
    "covered": covered,
}


@pytest.mark.parametrize("end", ENDS)
def test_whatever_ends_a_finding_resolves_it(end: str) -> None:
    world, notifier = noisy()
    drift(world, "one")
    deliver(world, notifier)
    (first,) = world.live()
    ENDS[end](world)
    (row,) = [row for row in rows(world) if row.finding == first.id]
    assert (row.phase, row.state) == (Phase.RESOLVED, DeliveryState.OWED)
    deliver(world, notifier)
    assert [m.phase for m in notifier.sent if m.key == first.id] == [Phase.FIRING, Phase.RESOLVED]


def test_an_acknowledged_finding_still_fires_and_is_not_told_again() -> None:
    world, notifier = noisy()
    drift(world, "one")
    deliver(world, notifier)
    findings.ack(world.installation, world.live()[0].id, BEN)
    assert deliver(world, notifier) == {}
    assert rows(world)[0].phase is Phase.FIRING


def test_an_exception_that_runs_out_fires_again() -> None:
    world, notifier = noisy()
    drift(world, "one")
    excepted(world)
    deliver(world, notifier)
    later(world, days=2)
    clocks.tick(world.installation)
    deliver(world, notifier)
    assert [message.phase for message in notifier.sent] == [Phase.RESOLVED, Phase.FIRING]
    assert len({message.id for message in notifier.sent}) == 2


def test_what_needs_nobody_is_told_to_nobody() -> None:
    world, notifier = noisy()
    covering(world, "one")
    drift(world, "one")
    assert rows(world) == []
    assert deliver(world, notifier) == {}


# --- at least once, in order ----------------------------------------------------------------------------------------------------------


def test_a_message_says_what_who_why_since_and_where() -> None:
    world, notifier = noisy(routing=replace(ROUTING, base_url="https://drift.corp.example/"))
    drift(world, "one")
    deliver(world, notifier)
    (message,) = notifier.sent
    (told,) = message.told
    assert "changed /Size" in told.what
    assert told.who == "not known: no log of calls is read"
    assert told.why.startswith("Unauthorised: no change record allowed this.")
    assert "R1" in told.why
    assert told.since == world.live()[0].first_seen
    assert told.link == f"https://drift.corp.example/findings/{told.finding}"
    assert (message.key, message.severity) == (told.finding, Severity.CRITICAL)
    for part in (told.what, told.who, told.why, told.link):
        assert part in message.text


def test_a_process_that_dies_between_telling_and_noting_tells_the_same_again() -> None:
    world, notifier = noisy()
    drift(world, "one")

    def die() -> None:
        raise KeyboardInterrupt

    notifier.meanwhile = die
    with pytest.raises(KeyboardInterrupt):
        deliver(world, notifier)
    notifier.meanwhile = lambda: None
    assert deliver(world, notifier) == {Result.DELIVERED: 1}
    first, second = notifier.sent
    assert first.id == second.id
    assert deliver(world, notifier) == {}


def test_what_ends_while_it_is_told_is_resolved_afterwards() -> None:
    world, notifier = noisy()
    drift(world, "one")
    notifier.meanwhile = lambda: heal(world)
    deliver(world, notifier)
    notifier.meanwhile = lambda: None
    deliver(world, notifier)
    assert phases(notifier) == [("one", "firing"), ("one", "resolved")]


def test_what_ended_before_it_could_be_told_is_told_once_as_resolved() -> None:
    world, notifier = noisy()
    drift(world, "one")
    heal(world)
    deliver(world, notifier)
    assert phases(notifier) == [("one", "resolved")]
    assert "equals its baseline again" in notifier.sent[0].text


def test_a_changed_value_ends_the_former_finding_and_begins_another() -> None:
    world, notifier = noisy()
    drift(world, "one")
    deliver(world, notifier)
    drift(world, "one", size=3)
    deliver(world, notifier)
    assert sorted(phases(notifier)) == [("one", "firing"), ("one", "firing"), ("one", "resolved")]


# --- failing receivers ----------------------------------------------------------------------------------------------------------------


def test_a_failed_attempt_is_repeated_later_and_later_until_it_works() -> None:
    world, notifier = noisy()
    drift(world, "one")
    notifier.answer = lambda _: RETRY
    waits = []
    for _ in range(6):
        deliver(world, notifier)
        (row,) = rows(world)
        assert (row.state, row.error) == (DeliveryState.OWED, "503")
        assert row.due_at is not None
        waits.append((row.due_at - world.now).total_seconds())
        assert deliver(world, notifier) == {}, "not before its time"
        world.now = row.due_at
    assert waits == [5, 10, 20, 40, 60, 60]
    notifier.answer = lambda _: DELIVERED
    assert deliver(world, notifier) == {Result.DELIVERED: 1}
    assert rows(world)[0].attempts == 0


def test_a_receiver_that_asks_for_time_gets_it_but_not_for_ever() -> None:
    world, notifier = noisy()
    drift(world, "one")
    notifier.answer = lambda _: replace(RETRY, after_s=120.0)
    deliver(world, notifier)
    assert rows(world)[0].due_at == world.now + timedelta(seconds=120)
    later(world, seconds=120)
    notifier.answer = lambda _: replace(RETRY, after_s=1e9)
    deliver(world, notifier)
    assert rows(world)[0].due_at == world.now + timedelta(seconds=600)


def test_a_refused_message_is_quarantined_and_the_others_arrive() -> None:
    world, notifier = noisy()
    drift(world, "one")
    world.put(BUCKETS, "two", Size=5, Rules=["a", "b"])
    world.scan()
    notifier.answer = lambda message: REFUSED if message.told[0].type == GROUPS.type else DELIVERED
    assert deliver(world, notifier) == {Result.REFUSED: 1, Result.DELIVERED: 1}
    with world.store.read() as uow:
        (refused,) = uow.deliveries.quarantined(10)
        assert uow.deliveries.measures()["ops"].quarantined == 1
    assert refused.error == "400: no"
    later(world, days=1)
    assert deliver(world, notifier) == {}


def test_a_quarantined_finding_is_owed_again_when_it_changes_and_at_a_start() -> None:
    world, notifier = noisy()
    drift(world, "one")
    notifier.answer = lambda _: REFUSED
    deliver(world, notifier)
    outbox.reconcile(world.installation)
    assert deliver(world, notifier) == {Result.REFUSED: 1}
    heal(world)
    assert deliver(world, notifier) == {Result.REFUSED: 1}
    notifier.answer = lambda _: DELIVERED
    assert deliver(world, notifier) == {}
    outbox.reconcile(world.installation)
    assert deliver(world, notifier) == {Result.DELIVERED: 1}, "that of a closed finding, too"


def test_a_person_who_mended_a_receiver_has_what_it_refused_told_and_the_ledger_knows() -> None:
    routing = Routing(notifiers=("ops", "other"), routes=(Route(to=("ops", "other")),))
    world, notifier = noisy(routing=routing)
    other = FakeNotifier(name="other")
    drift(world, "one", "two")
    notifier.answer = other.answer = lambda _: REFUSED
    assert deliver(world, notifier) == deliver(world, other) == {Result.REFUSED: 2}
    (queue, _) = queues.queues(world.installation)
    assert (queue.notifier, queue.measure.quarantined, [item.error for item in queue.refused]) == ("ops", 2, ["400: no", "400: no"])

    notifier.answer = other.answer = lambda _: DELIVERED
    assert queues.retry(world.installation, ANA, "ops") == {"ops": 2}
    assert world.ledger()[-1] == "deliveries_retried"
    assert deliver(world, other) == {}
    assert deliver(world, notifier) == {Result.DELIVERED: 2}
    assert queues.retry(world.installation, ANA) == {"other": 2}
    entries = len(world.ledger())
    assert queues.retry(world.installation, ANA) == {}
    assert len(world.ledger()) == entries, "what moves nothing is no act"


def test_nobody_retries_a_notifier_that_is_not_there() -> None:
    world, _ = noisy()
    with pytest.raises(NotFoundError, match="no notifier chat; there are: ops"):
        queues.retry(world.installation, ANA, "chat")


def test_a_queue_says_since_when_and_why_it_waits() -> None:
    world, notifier = noisy()
    drift(world, "one")
    owed_at = world.now
    notifier.answer = lambda _: RETRY
    deliver(world, notifier)
    drift(world, "two")
    (queue,) = queues.queues(world.installation)
    assert (queue.measure.owed, queue.measure.oldest_owed) == (2, owed_at)
    assert queue.oldest
    assert (queue.oldest.owed_at, queue.oldest.error) == (owed_at, "503")


def test_a_notifier_that_breaks_its_word_loses_nothing() -> None:
    world, notifier = noisy()
    drift(world, "one")
    notifier.meanwhile = lambda: 1 / 0  # type: ignore[assignment, return-value]
    assert deliver(world, notifier) == {Result.RETRY: 1}
    notifier.meanwhile = lambda: None
    later(world, minutes=2)
    assert deliver(world, notifier) == {Result.DELIVERED: 1}


def test_a_dead_receiver_starves_nobody() -> None:
    good, dead = FakeNotifier(name="good"), FakeNotifier(name="dead", answer=lambda _: RETRY)
    world = settled_world(routing=Routing(notifiers=("dead", "good"), routes=(Route(to=("good", "dead")),)), notifiers=[dead, good])
    drift(world, "one", "two")
    deliver(world, dead)
    assert deliver(world, good) == {Result.DELIVERED: 2}
    with world.store.read() as uow:
        assert {name: item.owed for name, item in uow.deliveries.measures().items()} == {"dead": 2, "good": 0}


# --- receivers that forget ------------------------------------------------------------------------------------------------------------


def test_a_receiver_that_forgets_is_told_again_until_it_is_resolved() -> None:
    world, notifier = noisy(FakeNotifier(resend_s=60.0))
    drift(world, "one", "two")
    assert deliver(world, notifier) == {Result.DELIVERED: 2}
    assert [len(message.told) for message in notifier.sent] == [1, 1], "it groups by itself"
    assert deliver(world, notifier) == {}
    later(world, seconds=60)
    assert deliver(world, notifier) == {Result.DELIVERED: 2}
    heal(world)
    heal(world, "two")
    deliver(world, notifier)
    assert {message.phase for message in notifier.sent[-2:]} == {Phase.RESOLVED}
    later(world, days=1)
    assert deliver(world, notifier) == {}


def test_another_severity_is_told_with_the_one_it_was() -> None:
    world, notifier = noisy()
    drift(world, "one")
    deliver(world, notifier)
    (row,) = rows(world)
    with world.store.write() as uow:
        uow.deliveries.save([replace(row, severity=Severity.WARNING, told=Severity.WARNING)])
    outbox.reconcile(world.installation)
    deliver(world, notifier)
    assert [(m.severity, m.told[0].was) for m in notifier.sent] == [(Severity.CRITICAL, None), (Severity.CRITICAL, Severity.WARNING)]


# --- causes, storms, flapping ---------------------------------------------------------------------------------------------------------


def test_one_cause_is_one_message() -> None:
    world, notifier = noisy()
    drift(world, "one", "two")
    deliver(world, notifier)
    (message,) = notifier.sent
    assert len(message.told) == 2
    assert "1 more by the same cause" in message.title


@pytest.mark.slow
def test_a_storm_is_summarised_and_nothing_is_dropped() -> None:
    world, notifier = noisy()
    many = [f"group-{number:03d}" for number in range(120)]
    drift(world, *many)
    deliver(world, notifier)
    (message,) = notifier.sent
    assert message.summary
    assert {item.finding for item in message.told} == {finding.id for finding in world.live()}
    assert message.title.startswith("[critical] 120 findings need somebody")
    assert "AWS::EC2::SecurityGroup: 120" in message.text
    assert {row.state for row in rows(world)} == {DeliveryState.SENT}
    world.baseline()
    deliver(world, notifier)
    assert [(m.phase, len(m.told)) for m in notifier.sent[1:]] == [(Phase.RESOLVED, 120)]


@pytest.mark.slow
def test_a_flapping_resource_does_not_flood_its_receiver() -> None:
    world, notifier = noisy()
    times = 20
    for _ in range(times):
        drift(world, "one", minutes=1)
        deliver(world, notifier)
        drift(world, "one", size=1, minutes=1)
        deliver(world, notifier)
    later(world, hours=1)
    deliver(world, notifier)
    with world.store.read() as uow:
        every = {finding.id for finding in uow.findings.all()}
    assert len(every) == times
    assert {item.finding for message in notifier.sent for item in message.told} == every, "each is told of"
    assert len(notifier.sent) <= 4 + 2 * (2 * times / 10 + 1), "the first ones at once, then what happened in ten minutes together"


# --- who is told ----------------------------------------------------------------------------------------------------------------------


def test_a_new_notifier_is_owed_what_is_open_and_a_removed_one_nothing_more() -> None:
    world, notifier = noisy()
    drift(world, "one")
    heal(world)
    drift(world, "two")
    (open_,) = world.live()
    world.change(routing=Routing(notifiers=("new",), routes=(Route(to=("new",)),)))
    assert outbox.reconcile(world.installation) == {"ops": 2}
    assert outbox.reconcile(world.installation) == {}
    assert deliver(world, notifier) == {}
    assert [(row.finding, row.state) for row in rows(world) if row.notifier == "new"] == [(open_.id, DeliveryState.OWED)]


def test_a_finding_that_is_routed_elsewhere_now_is_resolved_where_it_was() -> None:
    world, notifier = noisy()
    drift(world, "one")
    deliver(world, notifier)
    world.change(routing=replace(ROUTING, routes=(Route(types=("AWS::S3::*",), to=("ops",)),)))
    outbox.reconcile(world.installation)
    deliver(world, notifier)
    assert phases(notifier) == [("one", "firing"), ("one", "resolved")]


def test_who_still_works_by_former_routes_ends_a_finding_for_the_new_notifier_too() -> None:
    world, notifier = noisy()
    former = world.installation
    drift(world, "one")
    world.change(routing=Routing(notifiers=("new",), routes=(Route(to=("new",)),)))
    outbox.reconcile(world.installation)
    world.installation = former  # a scan that began before the reload
    heal(world)
    assert {row.notifier: row.phase for row in rows(world)}["new"] is Phase.RESOLVED
    assert deliver(world, notifier) == {}, "the removed one is told nothing"


def test_each_finding_has_the_deliveries_that_it_demands_after_any_acts() -> None:
    world, notifier = noisy()
    steps: list[Callable[[World], object]] = [
        lambda w: drift(w, "one"),
        lambda w: findings.ack(w.installation, w.live()[0].id, BEN),
        excepted,
        lambda w: (later(w, days=3), clocks.tick(w.installation)),
        lambda w: drift(w, "one", size=4),
        heal,
        lambda w: drift(w, "two"),
        lambda w: w.baseline(),
    ]
    for step in steps:
        step(world)
        with world.store.read() as uow:
            every = list(uow.findings.all())
        stored = {row.finding: row for row in rows(world)}
        for finding in every:
            fires = finding.state in LIVE - {FindingState.EXCEPTED, FindingState.AWAITING_BASELINE}
            assert stored[finding.id].phase is (Phase.FIRING if fires else Phase.RESOLVED)
        deliver(world, notifier)


def test_the_words_of_a_cloud_cannot_forge_lines_or_mentions() -> None:
    world, notifier = noisy()
    world.put(GROUPS, "evil", Name="x\n[critical] all is well <!channel>\x1b[31m", Size=1)
    world.scan()
    deliver(world, notifier)
    message: Message = notifier.sent[0]
    assert "\x1b" not in message.text
    assert "<!" not in message.text + message.title
    assert len(message.text.splitlines()) == 6
