"""The change records: what was allowed, what of it never happened, and one of them with what its reader may do about it."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request, Response

from driftwatch.api import record_view, records, site
from driftwatch.api.acts import back, same
from driftwatch.api.asking import Asking, Some
from driftwatch.api.forms import Form, Posted
from driftwatch.api.guard import Caller
from driftwatch.api.record_acts import offered, written
from driftwatch.api.routing import PageRoutes
from driftwatch.documents.drafts import draft_document
from driftwatch.domain.access import Permission
from driftwatch.domain.authorization.register_rules import content_hash
from driftwatch.domain.change import ApprovalKind, ChangeOutcome, ChangeRecord, ChangeState, ReviewDecision
from driftwatch.domain.decision import UNCOVERED
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError
from driftwatch.operations import changes, describe_changes, register

routes: Final = PageRoutes()
ON_A_PAGE: Final = 50
EFFECTS: Final = 100
ASIDE: Final = 20


@routes.read("/changes")
def list_(request: Request, caller: Asking, state: Some = None, source: Some = None, after: str | None = None) -> Response:
    """Change records of every source, the newest first."""
    chosen = {"state": [item for item in state or () if item], "source": [item for item in source or () if item]}
    states = [ChangeState(item) for item in chosen["state"] if item in set(ChangeState)]
    found, following = records.page(caller, chosen["source"], states, records.place_at(after), ON_A_PAGE)
    return site.page(
        request,
        "changes.html",
        caller=caller,
        records=[record_view.row(item) for item in found],
        next=site.link("/changes", {**chosen, "after": records.place_cursor(following)}) if following else None,
        chosen=chosen,
        filtered=any(chosen.values()),
        states=[item.value for item in ChangeState],
        sources=[describe_changes.source_document(item, whole=caller.sees_all) for item in changes.sources(caller.installation)],
        aside=ASIDE,
    )


@routes.read("/changes/unobserved")
def unseen(request: Request, caller: Asking, after: str | None = None) -> Response:
    """Approved, and never seen to happen, or only in part."""
    found, following = records.unseen(caller, records.place_at(after), ON_A_PAGE)
    return site.page(
        request,
        "unobserved.html",
        caller=caller,
        records=[record_view.unseen_row(item) for item in found],
        next=site.link("/changes/unobserved", {"after": records.place_cursor(following)}) if following else None,
    )


@routes.read("/changes/{record_id:path}")
def show(request: Request, caller: Asking, record_id: str) -> Response:
    """One record."""
    record = records.record_for(caller, record_id)
    acts, why_not = offered(caller, record)
    own = record.source == caller.installation.register
    return site.page(
        request,
        "change.html",
        caller=caller,
        record=record_view.whole(record),
        notes=register.held(caller.installation, record).notes if own else (),
        own=own,
        tag=content_hash(record),
        uncovered=UNCOVERED,
        effects=_effects(caller, record),
        most_effects=EFFECTS,
        acts=acts,
        why_not=why_not,
    )


@routes.write("/changes/{record_id:path}/request", needs=Permission.OPERATE)
def request_(caller: Asking, record_id: str, form: Posted) -> Response:
    """Put a draft up for approval."""
    _looked_at(caller, record_id, form, Permission.OPERATE, "change_request")
    form.done()
    register.request(caller.installation, record_id, caller.actor)
    return _back(record_id)


@routes.write("/changes/{record_id:path}/amend", needs=Permission.OPERATE)
def amend(caller: Asking, record_id: str, form: Posted) -> Response:
    """Change what a record says, as far as a form can."""
    held = _looked_at(caller, record_id, form, Permission.OPERATE, "change_amend")
    said = _said(form, held.record)
    form.done()
    document = {key: value for key, value in (draft_document(held.record) | said).items() if value not in (None, [])}
    records.amended(caller, held, records.drafted(caller, document, "form"))
    return _back(record_id)


@routes.write("/changes/{record_id:path}/approve", needs=Permission.APPROVE)
def approve(caller: Asking, record_id: str, form: Posted) -> Response:
    """Approve the content that the page showed."""
    held = _looked_at(caller, record_id, form, Permission.APPROVE, "change_approve")
    kind = _one_of(ApprovalKind, form.text("kind"))
    form.done()
    register.approve(caller.installation, record_id, caller.actor, seen_hash=held.content_hash, kind=kind)
    return _back(record_id)


@routes.write("/changes/{record_id:path}/reject", needs=Permission.APPROVE)
def reject(caller: Asking, record_id: str, form: Posted) -> Response:
    """Reject it for good."""
    _looked_at(caller, record_id, form, Permission.APPROVE, "change_reject")
    reason = form.text("reason")
    form.done()
    register.reject(caller.installation, record_id, caller.actor, reason)
    return _back(record_id)


@routes.write("/changes/{record_id:path}/review", needs=Permission.OPERATE)
def review(caller: Asking, record_id: str, form: Posted) -> Response:
    """A peer's review of the content that the page showed."""
    held = _looked_at(caller, record_id, form, Permission.OPERATE, "change_review")
    decision = _one_of(ReviewDecision, form.text("decision"))
    form.done()
    if decision is ReviewDecision.WITHDRAWN:
        raise InputError("the decision withdrawn", expected="approved or changes_requested")
    register.review(caller.installation, record_id, caller.actor, decision, seen_hash=held.content_hash)
    return _back(record_id)


@routes.write("/changes/{record_id:path}/start", needs=Permission.OPERATE)
def start(caller: Asking, record_id: str, form: Posted) -> Response:
    """The work begins."""
    _looked_at(caller, record_id, form, Permission.OPERATE, "change_start")
    form.done()
    register.start(caller.installation, record_id, caller.actor)
    return _back(record_id)


@routes.write("/changes/{record_id:path}/close", needs=Permission.OPERATE)
def close(caller: Asking, record_id: str, form: Posted) -> Response:
    """The work is over."""
    _looked_at(caller, record_id, form, Permission.OPERATE, "change_close")
    outcome = _one_of(ChangeOutcome, form.text("outcome"))
    form.done()
    register.close(caller.installation, record_id, caller.actor, outcome)
    return _back(record_id)


@routes.write("/changes/{record_id:path}/cancel", needs=Permission.OPERATE)
def cancel(caller: Asking, record_id: str, form: Posted) -> Response:
    """Take back a record of yours."""
    _looked_at(caller, record_id, form, Permission.OPERATE, "change_cancel")
    reason = form.text("reason")
    form.done()
    register.cancel(caller.installation, record_id, caller.actor, reason)
    return _back(record_id)


def _looked_at(caller: Caller, record_id: str, form: Form, permission: Permission, action: str) -> register.Held:
    """The record of the register, where it still says what the form's page showed; raises Problem (412) where it does not."""
    held = records.held_for(caller, record_id, permission, action)
    same(form.text("seen"), held.content_hash, "change record")
    return held


def _said(form: Form, record: ChangeRecord) -> dict[str, Json]:
    """What the form says that its page did not: a field that was left alone stays as it is, to the last second and line."""
    shown = written(record)
    given = {name: form.text(name, required=name == "title").replace("\r\n", "\n") for name in shown}
    new = {name: text for name, text in given.items() if text.split() != shown[name].split()}
    said: dict[str, Json] = {name: new[name] or None for name in ("title", "rollback_plan") if name in new}
    if "implementers" in new:
        said["implementers"] = [name for part in new["implementers"].split(",") if (name := part.strip())]
    if new.keys() & {"start", "end"}:
        start, end = given["start"], given["end"]
        said["windows"] = [{"start": _utc(start), "end": _utc(end)}] if start or end else []
    return said


def _utc(text: str) -> str:
    """A minute or second as browsers write it, as an instant of a record."""
    return f"{text}:00Z" if len(text) == len("2026-06-30T09:00") else f"{text}Z"


def _one_of(kind: Any, text: str) -> Any:
    """The word of a closed set; raises InputError for any other."""
    if text not in set(kind):
        raise InputError(f"the choice {text!r}", expected=" or ".join(item.value for item in kind))
    return kind(text)


def _effects(caller: Caller, record: ChangeRecord) -> list[dict[str, Any]]:
    """What the record decided, in findings that the reader may see."""
    return [
        {
            "finding": finding.id,
            "label": finding.drift.label or finding.resource_id,
            "type": finding.cell.type,
            "path": effect.path,
            "verdict": effect.verdict.value,
            "state": finding.state.value,
        }
        for effect, finding in changes.effects(caller.installation, record.id, EFFECTS)
        if caller.rights.allows(Permission.READ, (finding.cell.account,))
    ]


def _back(record_id: str) -> Response:
    return back(f"/changes/{site.step(record_id)}")
