"""Findings, cells and scans as plain JSON: the documented shape of `--json`, the same for every caller."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from driftwatch.domain.activity import Activity, Fate, PopulationDay
from driftwatch.domain.attribute import Weighed
from driftwatch.domain.authorization.exception_lifecycle import content_hash
from driftwatch.domain.authorization.exception_lifecycle import status as exception_status
from driftwatch.domain.baseline import BaselineVersion
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.codec import encode
from driftwatch.domain.drift import Blinds, Difference, Interval
from driftwatch.domain.exception import ExceptionRecord
from driftwatch.domain.finding import LIVE, Finding, Handling
from driftwatch.domain.resource import Json
from driftwatch.domain.scan import CellStatus, Scan
from driftwatch.operations import blindness, findings
from driftwatch.operations.attribution import Explained
from driftwatch.operations.findings import Case
from driftwatch.operations.installation import Installation
from driftwatch.operations.status import exit_code

PORTION: Final = 200


def scan_document(installation: Installation, scan: Scan, cells: Iterable[CellStatus]) -> Json:
    """``{scan_id, cells, findings, summary}`` of one scan: the cells it was asked for, and every live finding in them."""
    shown = sorted(cells, key=lambda status: status.cell)
    names = {status.cell for status in shown}
    found = [item for item in findings.listed(installation, tuple(LIVE)) if item.cell in names]
    blind = blindness.blind(installation, names)
    states: dict[str, int] = {}
    for status in shown:
        states[status.state.value] = states.get(status.state.value, 0) + 1
    return {
        "scan_id": scan.id,
        "cells": [cell_document(status, blind.get(status.cell)) for status in shown],
        "findings": finding_documents(installation, found),
        "summary": {
            "status": scan.status.value,
            "started_at": utc_text(scan.started_at),
            "ended_at": utc_text(scan.ended_at) if scan.ended_at else None,
            "resources": scan.resources,
            "calls": scan.calls,
            "gaps": scan.gaps,
            "cells": states,
            "findings": len(found),
            "exit_code": exit_code(installation, shown),
        },
    }


def cell_document(status: CellStatus, blind: Blinds | None = None) -> Json:
    """One cell; `blind` says what was turned off, so that a change between two scans would go unseen."""
    return {
        "account": status.cell.account,
        "region": status.cell.region,
        "type": status.cell.type,
        "state": status.state.value,
        "reason": status.reason,
        "resources": status.count,
        "held": status.held is not None,
        "blind": blind.value if blind else None,
        "skipped": utc_text(status.skipped_at) if status.skipped_at else None,
        "last_read": utc_text(status.read_at) if status.read_at else None,
        "last_complete": utc_text(status.complete_ended_at) if status.complete_ended_at else None,
    }


def finding_documents(installation: Installation, found: Sequence[Finding]) -> list[Json]:
    """Many findings, each with its last decision, in the order given; read in portions, so that no read of the store lasts."""
    documents: list[Json] = []
    for start in range(0, len(found), PORTION):
        portion = found[start : start + PORTION]
        with installation.store.read() as uow:
            last = uow.findings.last_decisions([item.id for item in portion])
            explained = findings.all_explained(uow, installation, portion)
        cases = (
            Case(finding=finding, decisions=(last[finding.id],) if finding.id in last else (), explained=calls)
            for finding, calls in zip(portion, explained, strict=True)
        )
        documents.extend(finding_document(case) for case in cases)
    return documents


def finding_document(case: Case) -> Json:
    """One finding with its last decision; `attribution` is null while no log of calls is read."""
    finding, last = case.finding, case.decisions[-1] if case.decisions else {}
    return {
        "id": finding.id,
        "resource": finding.resource_id,
        "label": finding.drift.label,
        "type": finding.cell.type,
        "account": finding.cell.account,
        "region": finding.cell.region,
        "kind": finding.drift.kind.value,
        "differences": [difference_document(change) for change in finding.drift.changes],
        "interval": interval_document(finding.drift.interval),
        "verdict": finding.verdict_current.value,
        "verdict_initial": finding.verdict_initial.value if finding.verdict_initial else None,
        "settled": finding.settled,
        "violations": last.get("violations", []),
        "unknowns": last.get("unknowns", []),
        "warnings": last.get("warnings", []),
        "record": last.get("record"),
        "attribution": attribution_document(case.explained) if case.explained else None,
        "state": finding.state.value,
        "policy_version": finding.policy_version,
        "first_seen": utc_text(finding.first_seen),
        "last_seen": utc_text(finding.last_seen),
        "previous": finding.previous_id,
        "due": utc_text(finding.due_at) if finding.due_at else None,
        "closed": utc_text(finding.closed_at) if finding.closed_at else None,
        "handling": handling_document(finding.handling),
    }


def attribution_document(explained: Explained) -> Json:
    """Who made a drift: every logged call on the resource with the paths that it may have written, or why it wrote none of them."""
    return {
        "actors": [who for who in dict.fromkeys(call.event.actor for call in explained.attribution.writers) if who],
        "calls": [weighed_document(call, explained.activities[call.event.id]) for call in explained.attribution.calls],
        "unattributed": list(explained.attribution.unattributed),
    }


def weighed_document(call: Weighed, logged: Activity) -> Json:
    """One logged call as it was weighed."""
    event = call.event
    return {
        "event": event.id,
        "time": utc_text(event.time),
        "call": event.event_name,
        "actor": event.actor,
        "kind": event.actor_kind.value,
        "on_behalf_of": event.on_behalf_of,
        "channel": logged.actor.channel.value,
        "source_ip": logged.actor.source_ip,
        "invoked_by": event.invoked_by,
        "wrote": list(call.wrote),
        "last_of": list(call.last_of),
        "why_not": call.why_not.value if call.why_not else None,
    }


def activity_document(logged: Activity) -> Json:
    """One logged call: the documented form of `activity parse`."""
    actor = logged.actor
    return {
        "event_id": logged.id,
        "time": utc_text(logged.time),
        "event_source": logged.event_source,
        "event_name": logged.event_name,
        "outcome": "failed" if logged.failed else "ok",
        "read_only": logged.read_only,
        "is_config_change": logged.is_config_change,
        "actor": {
            "principal": actor.principal,
            "kind": actor.kind.value,
            "on_behalf_of": actor.on_behalf_of,
            "channel": actor.channel.value,
            "account": actor.account,
            "source_ip": actor.source_ip,
        },
        "resources": [{"type": item.type, "ids": list(item.ids)} for item in logged.resources],
    }


def stored_activity_document(logged: Activity, fate: Fate | None, finding: str | None) -> Json:
    """One stored call, with what became of it."""
    more = {
        "account": logged.account,
        "region": logged.region,
        "class": logged.call.value,
        "error": logged.error,
        "invoked_by": logged.actor.invoked_by,
        "fate": fate.value if fate else None,
        "finding": finding,
    }
    return activity_document(logged) | more


def population_document(day: PopulationDay, drifts: tuple[int, int]) -> Json:
    """The writes of one account on one day, and its drifts: how many of them a logged call explains, and how many none does."""
    return {
        "day": day.day,
        "account": day.account,
        "writes": day.writes,
        "failed": day.failed,
        "denied": day.denied,
        "others": {call.value: number for call, number in sorted(day.others.items())},
        "changes": day.changes,
        "fates": {fate.value: day.fates.get(fate, 0) for fate in Fate},
        "drifts": {"attributed": drifts[0], "unattributed": drifts[1]},
    }


def facts_document(facts: tuple[Json, datetime] | None) -> Json:
    """What moves by itself beside a resource's configuration; null where nothing is kept."""
    return {"read": utc_text(facts[1]), "values": facts[0]} if facts else None


def handling_document(handling: Handling) -> Json:
    """What people did about a finding, and whether it comes and goes."""
    disposition = handling.disposition
    return {
        "acknowledged_by": handling.acknowledged_by,
        "acknowledged": utc_text(handling.acknowledged_at) if handling.acknowledged_at else None,
        "ticket": handling.ticket,
        "disposition": disposition.kind if disposition else None,
        "disposed_by": disposition.by if disposition else None,
        "disposed": utc_text(handling.disposed_at) if handling.disposed_at else None,
        "record": handling.record,
        "exception": handling.exception,
        "flapping": handling.flapping,
        "alerted": list(handling.alerted),
    }


def exception_document(exception: ExceptionRecord, now: datetime) -> Json:
    """One exception as it stands now, with the hash that an approval of it names."""
    scope = [{name: value for name, value in encode(target).items() if value not in (None, [])} for target in exception.scope]
    return {
        "id": exception.id,
        "status": exception_status(exception, now).value,
        "content_hash": content_hash(exception),
        "requested_by": exception.requested_by,
        "requested": utc_text(exception.requested_at) if exception.requested_at else None,
        "reason": exception.reason,
        "scope": scope,
        "starts": utc_text(exception.starts_at),
        "expires": utc_text(exception.expires_at) if exception.expires_at else None,
        "approved_by": exception.approved_by,
        "approved": utc_text(exception.approved_at) if exception.approved_at else None,
        "ended_by": exception.revoked_by,
        "ended": utc_text(exception.revoked_at) if exception.revoked_at else None,
        "finding": exception.finding,
    }


def difference_document(change: Difference) -> Json:
    return {"path": change.path, "op": change.op.value, "before": change.before, "after": change.after}


def interval_document(interval: Interval) -> Json:
    return {"last_good": utc_text(interval.last_good) if interval.last_good else None, "detected": utc_text(interval.detected)}


def version_document(version: BaselineVersion) -> Json:
    """One baseline version without the contents of its cells."""
    return {
        "id": version.id,
        "name": version.name,
        "state": version.state.value,
        "author": version.author,
        "created_at": utc_text(version.created_at),
        "content_hash": version.content_hash,
        "parent": version.parent,
        "bootstrap": version.bootstrap,
        "note": version.note,
        "approvals": [
            {
                "who": item.who,
                "decision": item.decision.value,
                "at": utc_text(item.at),
                "method": item.method.value if item.method else None,
                "assurance": item.assurance.value if item.assurance else None,
            }
            for item in version.approvals
        ],
        "omissions": [{"cell": str(item.cell), "reason": item.reason, "by": item.by} for item in version.omissions],
        "included": [
            {
                "finding": item.drift,
                "verdict": item.verdict,
                "disposition": f"{item.disposition.kind} by {item.disposition.by}" if item.disposition else None,
            }
            for item in version.included
        ],
        "records": list(version.records),
    }
