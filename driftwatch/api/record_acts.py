"""What a person may do now with a change record, and why not what they may have come for."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from driftwatch.api.acts import REASON, Act, Field
from driftwatch.api.guard import Caller
from driftwatch.api.records import touched
from driftwatch.api.site import visible
from driftwatch.domain.access import Permission
from driftwatch.domain.change import ApprovalKind, ChangeOutcome, ChangeRecord, ChangeState, ReviewDecision
from driftwatch.operations.register_choices import Choice, choices

_NEEDS: Final = {
    **dict.fromkeys(Choice, Permission.OPERATE),
    Choice.APPROVE: Permission.APPROVE,
    Choice.OVERRIDE: Permission.APPROVE,
    Choice.REJECT: Permission.APPROVE,
}
_NEXT: Final = {
    ChangeState.DRAFT: Choice.REQUEST,
    ChangeState.REQUESTED: Choice.APPROVE,
    ChangeState.APPROVED: Choice.START,
    ChangeState.IMPLEMENTING: Choice.CLOSE,
}
"""What a record in this state waits for."""
_WORDS: Final = {Choice.REQUEST: "put it up for approval", Choice.APPROVE: "approve it", Choice.START: "start it", Choice.CLOSE: "close it"}
_REVIEWS: Final = (ReviewDecision.APPROVED.value, ReviewDecision.CHANGES_REQUESTED.value)
_ACTS: Final = {
    Choice.REQUEST: Act(path="request", title="Put it up for approval", text="Somebody else has to approve it then."),
    Choice.APPROVE: Act(
        path="approve",
        title="Approve it",
        text="You agree to exactly what this page shows: your approval is bound to the content hash.",
        hidden={"kind": ApprovalKind.CHANGE.value},
    ),
    Choice.OVERRIDE: Act(
        path="approve",
        title="Allow it during a freeze",
        text="Your role may lift a freeze of the policy for this change.",
        hidden={"kind": ApprovalKind.FREEZE_OVERRIDE.value},
    ),
    Choice.REJECT: Act(path="reject", title="Reject it", text="For good: it never allows anything.", fields=(REASON,)),
    Choice.REVIEW: Act(
        path="review",
        title="Review it",
        text="Say as a peer whether it is good as it is.",
        fields=(Field(name="decision", label="Decision", options=_REVIEWS),),
    ),
    Choice.START: Act(path="start", title="Start the work", text="From now on it is being carried out."),
    Choice.CLOSE: Act(
        path="close",
        title="Close it",
        text="The work is over: nothing that is changed from now on is covered by it.",
        fields=(Field(name="outcome", label="How it went", options=tuple(item.value for item in ChangeOutcome)),),
    ),
    Choice.CANCEL: Act(path="cancel", title="Cancel it", text="Take it back before the work begins.", fields=(REASON,)),
}
_FIELDS: Final = {
    "title": Field(name="title", label="Title"),
    "implementers": Field(name="implementers", label="Who does it", required=False, hint="separated by commas"),
    "rollback_plan": Field(name="rollback_plan", label="How to take it back", type="textarea", required=False),
    "start": Field(name="start", label="Not before", type="datetime-local", required=False, hint="UTC"),
    "end": Field(name="end", label="Not after", type="datetime-local", required=False, hint="UTC"),
}
_MINUTE: Final = "%Y-%m-%dT%H:%M"


def offered(caller: Caller, record: ChangeRecord) -> tuple[list[Act], list[str]]:
    """The acts that are this person's to do now, and in words why they cannot do what the record waits for."""
    if record.source != caller.installation.register:
        return [], [f"The source {record.source} decides about it; driftwatch only reads it."]
    accounts = touched(caller, record)
    refused = choices(caller.installation, record, caller.actor)
    allowed = {choice for choice in Choice if caller.rights.allows(_NEEDS[choice], accounts)}
    acts = [act for choice, act in _ACTS.items() if choice in allowed and refused[choice] is None]
    if Choice.AMEND in allowed and refused[Choice.AMEND] is None:
        acts.append(_amend(record))
    awaited = _NEXT.get(record.state)
    if awaited is None:
        return acts, []
    if awaited not in allowed:
        return acts, [f"You cannot {_WORDS[awaited]}: that takes the permission to {_NEEDS[awaited].value} in every account it is about."]
    why = refused[awaited]
    return acts, [f"You cannot {_WORDS[awaited]}: {why}."] if why else []


def written(record: ChangeRecord) -> dict[str, str]:
    """What the form that amends a record shows of it, field by field. Several windows it has no place for."""
    fields = {"title": record.title or "", "implementers": ", ".join(record.implementers), "rollback_plan": record.rollback_plan or ""}
    if len(record.windows) < 2:
        window = record.windows[0] if record.windows else None
        fields |= {"start": f"{window.start:{_MINUTE}}" if window else "", "end": f"{window.end:{_MINUTE}}" if window else ""}
    return {name: str(visible(text)) for name, text in fields.items()}


def _amend(record: ChangeRecord) -> Act:
    """What a form can change of a record; its scope is for the command and the API."""
    fields = tuple(replace(_FIELDS[name], value=value) for name, value in written(record).items())
    text = "It was put up for approval already: it has to be approved again then." if record.state is not ChangeState.DRAFT else ""
    return Act(path="amend", title="Change what it says", text=text, fields=fields)
