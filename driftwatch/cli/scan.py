"""`driftwatch scan`: in this process, or by the daemon that runs on the same store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from driftwatch.cli.context import Asking, AsOption, ConfigOption, JsonOption, KeyOption, actor, wired
from driftwatch.cli.output import emit_json, request_progress, say, scan_progress, table
from driftwatch.cli.tables import cells_summary, findings_table
from driftwatch.domain.request import RequestState
from driftwatch.domain.resource import Cell
from driftwatch.errors import DriftwatchError, InputError, NotFoundError
from driftwatch.operations import describe, forecast, requests, serving, status
from driftwatch.operations.identify import Act
from driftwatch.operations.installation import Installation
from driftwatch.operations.scan import scan as run_scan
from driftwatch.wiring import Wired, holder, is_dead

Cells = Annotated[list[str] | None, typer.Argument(help="Only these cells: ACCOUNT/REGION/TYPE, with * and ?.", metavar="CELL")]


def scan(
    cells: Cells = None,
    confirm_absence: Annotated[
        list[str] | None,
        typer.Option(metavar="CELL", help="A held cell, ACCOUNT/REGION/TYPE: what vanished from it was really deleted. Needs --reason."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why the absence is real; goes into the ledger.")] = "",
    plan: Annotated[bool, typer.Option("--plan", help="Make no call: tell how many a scan would make, and how long they last.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for a running daemon's scan, or print the request's id.")] = True,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Read the cloud once, compare it with the baseline, and judge every difference.

    Exit codes: 0 all covered and every cell complete, 2 uncovered findings, 3 none seen but coverage incomplete, 1 driftwatch failed.
    While `driftwatch serve` runs on the same store, it does the scan and this command waits for it.
    """
    confirmed = dict.fromkeys(confirm_absence or (), reason)
    if confirmed and not reason:
        raise InputError("--confirm-absence was given without --reason", expected="the reason why the absence is real")
    with wired(config) as made:
        if plan:
            _plan(made.installation, list(cells or ()), json=json)
            return
        person = actor(made, Asking(as_person, key), Act(action="scan", object=" ".join(confirmed))).person if confirmed else "command"
        names = list(cells or ())
        if requests.daemon_is_alive(made.installation):
            code = _ask_daemon(made.installation, names, confirmed, person, wait=wait, json=json)
        else:
            code = _scan_here(made, names, confirmed, person, json=json)
    raise typer.Exit(code)


def _plan(installation: Installation, cells: list[str], *, json: bool) -> None:
    """The calls by service; the seconds are those of its busiest account and region, since limits hold for each of these."""
    told = forecast.told(installation, serving.wanted(cells))
    if json:
        emit_json(told.document)
        return
    rows = [(line.service, line.calls, line.places, f"{line.seconds:.0f}") for line in told.services]
    table(("service", "calls", "accounts x regions", "seconds at its rate limit"), rows)
    say(f"{told.calls} calls; at best {told.seconds:.0f} s, if the slowest service is asked at its rate limit all the time")
    if told.never_read:
        say(f"{told.never_read} cells were never read, and count as empty: a first scan finds more, and asks for the details of it")


def _scan_here(made: Wired, cells: list[str], confirmed: Mapping[str, str], person: str, *, json: bool) -> int:
    installation = made.installation
    serving.free_dead(installation, is_dead)
    order = serving.scan_order(installation, cells, "command", confirmed, person)
    with scan_progress(shown=not json) as report:
        done = run_scan(installation, order, holder=holder(), report=report)
    _show(installation, done.scan.id, order.wanted, json=json)
    return done.exit_code


def _ask_daemon(installation: Installation, cells: list[str], confirmed: Mapping[str, str], person: str, *, wait: bool, json: bool) -> int:
    arguments = {"confirm_absence": dict(confirmed)} if confirmed else None
    request = requests.ask(installation, "scan", cells, person, arguments)
    if not wait:
        emit_json({"request": request.id}) if json else say(request.id)
        return 0
    with request_progress(installation, shown=not json) as progress:
        ended = requests.wait(installation, request.id, time.sleep, progress)
    if ended.state is not RequestState.DONE or ended.scan_id is None:
        raise DriftwatchError(f"the daemon's scan ({request.id}) {ended.state.value}: {ended.error or 'no reason recorded'}")
    _show(installation, ended.scan_id, serving.wanted([*cells, *confirmed]), json=json)
    return ended.exit_code if ended.exit_code is not None else 1


def _show(installation: Installation, scan_id: str, wanted: Callable[[Cell], bool], *, json: bool) -> None:
    with installation.store.read() as uow:
        row = uow.scans.get(scan_id)
    if row is None:
        raise NotFoundError(f"no scan {scan_id}")
    cells = [item for item in status.statuses(installation) if wanted(item.cell)]
    document = describe.scan_document(installation, row, cells)
    if json:
        emit_json(document)
        return
    summary = document["summary"]
    findings_table(document["findings"])
    cells_summary(cells)
    if not cells:
        say("no cell was read: nothing that is configured matches")
    say(f"{scan_id}: {summary['status']}, {row.resources} resources, {row.calls} calls, exit code {summary['exit_code']}")
    if document["findings"]:
        say("`driftwatch findings why FINDING` explains a verdict")
    if any(item["state"] == "unknown" for item in document["cells"]):
        say("`driftwatch status` says what was not read, and why")
