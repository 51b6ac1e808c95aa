"""`driftwatch status`: what is known now, and how sure that is."""

from __future__ import annotations

import typer

from driftwatch.cli.context import ConfigOption, JsonOption, wired
from driftwatch.cli.output import emit_json, say, table
from driftwatch.cli.tables import cells_summary, findings_table
from driftwatch.domain.activity import CallClass, Fate
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.drift import Blinds
from driftwatch.domain.resource import Cell, Json
from driftwatch.domain.scan import CellStatus
from driftwatch.operations import describe, policies, remedies, requests, status_views
from driftwatch.operations import status as operation
from driftwatch.operations.status import Overview
from driftwatch.wiring import DEFAULT_CONFIG, Wired


def status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show what is known now and how sure that is, from the store alone: findings, cells by state, what was not read and what that needs.

    Exit codes as for `scan`: 0 all covered, 2 uncovered findings, 3 coverage incomplete, 1 driftwatch failed.
    """
    with wired(config) as made:
        view = operation.overview(made.installation)
        daemon = requests.daemon_is_alive(made.installation)
        if json:
            emit_json(_document(made, view, daemon=daemon))
        else:
            _print(made, view, daemon=daemon)
    raise typer.Exit(view.exit_code)


def _document(made: Wired, view: Overview, *, daemon: bool) -> Json:
    last = view.last_scan
    return {
        "exit_code": view.exit_code,
        "daemon": daemon,
        "last_scan": last.id if last else None,
        "last_scan_status": last.status.value if last else None,
        "last_scan_ended": utc_text(last.ended_at) if last and last.ended_at else None,
        "cells": [describe.cell_document(item, view.blind.get(item.cell)) for item in view.cells],
        "held": [{"cell": str(item.cell), "release": _release(made, item.cell)} for item in view.cells if item.held],
        "gaps": [{"cell": str(gap.cell)} | remedies.gap_document(gap, made.actions) for gap in view.gaps],
        "findings": [{"id": item.id, "resource": item.resource_id, "verdict": item.verdict_current.value} for item in view.findings],
        "activity": status_views.activity_document(view.activity),
        "notifiers": {
            name: {
                "owed": queue.owed,
                "oldest_owed": utc_text(queue.oldest_owed) if queue.oldest_owed else None,
                "quarantined": queue.quarantined,
            }
            for name, queue in view.deliveries.items()
        },
        "quarantined": [{"notifier": item.notifier, "finding": item.finding, "error": item.error} for item in view.quarantined],
        "unread_accounts": list(view.unread_accounts),
        "not_controlled_accounts": list(view.uncontrolled_accounts),
        "policy": {
            "extends": made.installation.policy.extends,
            "version": made.installation.policy.version,
            "expired_deviations": [item.rule for item in policies.expired(made.installation)],
        },
        "store": view.store,
    }


def _print_activity(view: Overview) -> None:
    """How far the log of calls is known, what it held since yesterday, and what was turned off."""
    known = view.activity
    for name, at in known.synced.items():
        until = known.complete_until.get(name)
        complete = f"every call known up to {utc_text(until)}" if until else "not known to be complete"
        say(f"activity source {name}: {f'last read {utc_text(at)}' if at else 'never read'}, {complete}")
    counts = known.population
    if counts:
        changes = sum(counts.get(fate.value, 0) for fate in Fate)
        became = ", ".join(f"{counts.get(fate.value, 0)} {fate.value}" for fate in Fate if counts.get(fate.value))
        others = sum(counts.get(call.value, 0) for call in CallClass if call not in (CallClass.CONFIG, CallClass.READ))
        rest = f"{others} writes that change no configuration, {counts['failed']} that failed ({counts['denied']} denied changes)"
        say(f"since yesterday: {changes} logged changes ({became or 'none'}), {rest}")
        say(f"live findings: {known.attributed} explained by a logged call, {known.unattributed} by none")
    if known.unresolved:
        say(f"{known.unresolved} principals changed something and are nobody that the people file knows (`driftwatch activity list`)")
    for what, number in known.blind.items():
        if number:
            cells = sum(1 for turned_off in view.blind.values() if turned_off is what)
            say(f"{_TURNED_OFF[what]} ({number} findings): in {cells} cells a change between two scans would go unseen")


def _print_notifiers(view: Overview, *, daemon: bool) -> None:
    """What notifiers were not told yet, and what they refused."""
    for name, queue in view.deliveries.items():
        if queue.owed and queue.oldest_owed:
            waits = "" if daemon else "; `driftwatch serve` tells it"
            say(f"notifier {name} is to be told of {queue.owed} findings, the oldest since {utc_text(queue.oldest_owed)}{waits}")
        if queue.quarantined:
            say(f"notifier {name} refused {queue.quarantined} findings; told again when they change, or by `driftwatch notify retry`:")
    for item in view.quarantined:
        say(f"  {item.finding} ({item.notifier}): {item.error}")


_TURNED_OFF = {
    Blinds.TRAIL: "a trail was switched off or narrowed",
    Blinds.BUCKET: "the bucket of the log was changed",
    Blinds.QUEUE: "the queue of the log was changed",
    Blinds.RULE: "the rule that feeds the queue was changed",
    Blinds.RECORDER: "AWS Config's recorder was switched off",
    Blinds.DETECTOR: "GuardDuty was switched off",
    Blinds.LOG: "the log itself cannot be trusted",
}


def _print(made: Wired, view: Overview, *, daemon: bool) -> None:
    findings_table(describe.finding_documents(made.installation, view.findings))
    cells_summary(list(view.cells))
    _print_held(made, [item for item in view.cells if item.held])
    if view.gaps:
        columns = ("cell", "reason", "call", "resource", "detail", "remedy")
        rows = [
            (gap.cell, gap.reason.value, gap.operation, gap.resource_id, gap.detail, remedies.remedy(gap, made.actions))
            for gap in view.gaps
        ]
        table(columns, rows, title="\nnot read")
    if skipped := sum(1 for item in view.cells if item.skipped_at):
        say(f"{skipped} cells were not due in the last scan, and are as they were last read (last_read in --json)")
    for account in view.unread_accounts:
        say(f"account {account} is configured, but was never read: `driftwatch scan`")
    for account in view.uncontrolled_accounts:
        say(f"account {account} is configured, but the policy does not control it (production_accounts)")
    for item in policies.expired(made.installation):
        over = f"the deviation that {item.approved_by} approved ended on {item.until}"
        say(f"the policy loosens {item.rule}, and nobody excuses that any more: {over}")
    _print_activity(view)
    _print_notifiers(view, daemon=daemon)
    last = view.last_scan
    ended = f"ended {utc_text(last.ended_at)}" if last and last.ended_at else "runs"
    say(
        f"last scan: {f'{last.id} {last.status.value}, {ended}' if last else 'none'}; daemon: {'running' if daemon else 'not running'}",
        "store: " + ", ".join(f"{name} {value}" for name, value in view.store.items()),
    )
    if made.installation.store.local:
        say("whoever has shell access to this machine can change a local store: approvals by OS user are worth as much as that access")
    say(f"exit code {view.exit_code}")


def _print_held(made: Wired, held: list[CellStatus]) -> None:
    """A held cell stays unknown until a person says that the absence is real, or until a listing shows the resources again."""
    for item in held:
        say(
            f"\nheld: {item.cell} lists so much less than before that it may be a bad listing; {item.count} resources are kept.",
            f"  if they were really deleted: {_release(made, item.cell)}",
        )


def _release(made: Wired, cell: Cell) -> str:
    config = "" if made.path == DEFAULT_CONFIG else f" --config {made.path}"
    return f"driftwatch scan --confirm-absence '{cell}' --reason 'WHY IT IS REAL'{config}"
