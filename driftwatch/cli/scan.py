"""`driftwatch scan` and `driftwatch status`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from driftwatch.cli.context import Asking, AsOption, ConfigOption, JsonOption, KeyOption, actor, wired
from driftwatch.cli.output import emit_json, say, scan_progress, table
from driftwatch.domain.request import Request, RequestState
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import CellStatus
from driftwatch.domain.snapshot import CellState
from driftwatch.errors import InputError
from driftwatch.operations import describe, findings, requests, serving, status
from driftwatch.operations.identify import Act
from driftwatch.operations.installation import Installation
from driftwatch.operations.scan import scan as run_scan
from driftwatch.wiring import Wired, holder

Cells = Annotated[list[str] | None, typer.Argument(help="Only these cells: ACCOUNT/REGION/TYPE, with * and ?.", metavar="[CELL]...")]


def scan(
    cells: Cells = None,
    confirm_absence: Annotated[
        list[str] | None, typer.Option(help="A held cell, ACCOUNT/REGION/TYPE: what vanished from it was really deleted. Needs --reason.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why the absence is real; goes into the ledger.")] = "",
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
        person = actor(made, Asking(as_person, key), Act(action="scan", object=" ".join(confirmed))).person if confirmed else "command"
        names = list(cells or ())
        if requests.daemon_is_alive(made.installation):
            code = _ask_daemon(made.installation, names, confirmed, person, wait=wait, json=json)
        else:
            code = _scan_here(made, names, confirmed, person, json=json)
    raise typer.Exit(code)


def _scan_here(made: Wired, cells: list[str], confirmed: dict[str, str], person: str, *, json: bool) -> int:
    installation = made.installation
    order = serving.scan_order(installation, cells, "command", confirmed, person)
    with scan_progress(shown=not json) as report:
        done = run_scan(installation, order, holder=holder(), report=report)
    _show(installation, done.scan.id, order.wanted, json=json)
    return done.exit_code


def _ask_daemon(installation: Installation, cells: list[str], confirmed: dict[str, str], person: str, *, wait: bool, json: bool) -> int:
    arguments = {"confirm_absence": confirmed} if confirmed else None
    request = requests.ask(installation, "scan", cells, person, arguments)
    if not wait:
        emit_json({"request": request.id}) if json else say(request.id)
        return 0
    ended = requests.wait(installation, request.id, time.sleep, _waiting(json=json))
    if ended.state is not RequestState.DONE or ended.scan_id is None:
        raise InputError(f"the daemon's scan {ended.state.value}: {ended.error or 'no reason recorded'}")
    _show(installation, ended.scan_id, serving.wanted([*cells, *confirmed]), json=json)
    return ended.exit_code if ended.exit_code is not None else 1


def _waiting(*, json: bool) -> Callable[[Request], None]:
    told: set[RequestState] = set()

    def progress(request: Request) -> None:
        if not json and request.state not in told and sys.stderr.isatty():
            told.add(request.state)
            typer.echo(f"request {request.id}: {request.state.value}", err=True)

    return progress


def _show(installation: Installation, scan_id: str, wanted: Callable[[Cell], bool], *, json: bool) -> None:
    with installation.store.read() as uow:
        row = uow.scans.get(scan_id)
    if row is None:
        raise InputError(f"no scan {scan_id}")
    cells = [item for item in status.statuses(installation) if wanted(item.cell)]
    document = describe.scan_document(installation, row, cells)
    if json:
        emit_json(document)
        return
    summary = document["summary"]
    _findings_table(document["findings"])
    _cells_summary(cells)
    say(f"{scan_id}: {summary['status']}, {row.resources} resources, {row.calls} calls, exit code {summary['exit_code']}")


def show_status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show what is known now and how sure that is, from the store alone. Exit codes as for `scan`."""
    with wired(config) as made:
        installation = made.installation
        view = status.overview(installation)
        alive = requests.daemon_is_alive(installation)
        if json:
            emit_json(_status_document(view, daemon=alive))
        else:
            _print_status(installation, view, daemon=alive)
    raise typer.Exit(view.exit_code)


def _status_document(view: status.Overview, *, daemon: bool) -> dict[str, object]:
    return {
        "exit_code": view.exit_code,
        "daemon": daemon,
        "last_scan": view.last_scan.id if view.last_scan else None,
        "cells": [describe.cell_document(item) for item in view.cells],
        "gaps": [
            {
                "cell": str(gap.cell),
                "reason": gap.reason.value,
                "operation": gap.operation,
                "detail": gap.detail,
                "resource": gap.resource_id,
            }
            for gap in view.gaps
        ],
        "findings": [{"id": item.id, "resource": item.resource_id, "verdict": item.verdict_current.value} for item in view.findings],
        "not_controlled_accounts": list(view.uncontrolled_accounts),
        "store": view.store,
    }


def _print_status(installation: Installation, view: status.Overview, *, daemon: bool) -> None:
    _findings_table([describe.finding_document(findings.case(installation, item.id)) for item in view.findings])
    _cells_summary(list(view.cells))
    if view.gaps:
        table(
            ("cell", "reason", "call", "resource", "detail"),
            [(gap.cell, gap.reason.value, gap.operation, gap.resource_id, gap.detail) for gap in view.gaps],
            title="\nnot read",
        )
    for account in view.uncontrolled_accounts:
        say(f"account {account} is configured, but the policy does not control it (production_accounts)")
    store = ", ".join(f"{name} {value}" for name, value in view.store.items())
    last = view.last_scan
    say(
        f"last scan: {f'{last.id} {last.status.value}' if last else 'none'}; daemon: {'running' if daemon else 'not running'}",
        f"store: {store}",
    )
    if installation.store.local:
        say("whoever has shell access to this machine can change a local store: approvals by OS user are worth as much as that access")
    say(f"exit code {view.exit_code}")


def _findings_table(documents: list[dict[str, Any]]) -> None:
    rows = []
    for item in documents:
        changes = item["differences"]
        paths = ", ".join(change["path"] or item["kind"] for change in changes[:3])
        more = f" (+{len(changes) - 3})" if len(changes) > 3 else ""
        rules = ", ".join(sorted({result["rule"] for result in item["violations"]}))
        rows.append((item["id"], item["verdict"], rules, item["kind"], item["label"] or item["resource"], paths + more, item["record"]))
    if rows:
        table(("finding", "verdict", "violated", "kind", "resource", "what", "record"), rows)


def _cells_summary(cells: list[CellStatus]) -> None:
    rows = []
    for state in CellState:
        members = [item for item in cells if item.state is state]
        if members:
            named = "" if state in (CellState.CLEAN, CellState.NOT_ENABLED) else ", ".join(_named(item) for item in members[:4])
            rows.append(
                (state.value, len(members), sum(item.count for item in members), named + (" ..." if len(members) > 4 and named else ""))
            )
    table(("state", "cells", "resources", "which"), rows, title="")


def _named(item: CellStatus) -> str:
    return f"{item.cell} ({item.reason})" if item.reason else str(item.cell)
