"""What would have made a rule pass, as a noun phrase: "its approval complete by 10:30 UTC on 2026-03-10"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.question import Question
from driftwatch.domain.authorization.wording_scope import act
from driftwatch.domain.change import ChangeType


def remedy(question: Question, detail: str) -> str:
    """What the record, or the change, would have needed for the rule whose answer has this detail."""
    return _REMEDIES[detail](question)


def _in_time(question: Question, what: str) -> str:
    """What had to be there before the change. Nothing is proven to come before a change of which nobody knows since when it is there."""
    moment = question.moment
    if moment.earliest is None:
        return f"{what.removesuffix(',')}, and a logged call that dates the change after it"
    return f"{what} by {words.instant(moment.earliest)}"


def _in_time_or_dated(question: Question, what: str) -> str:
    said = _in_time(question, what)
    return said if question.moment.earliest is None else f"{said}, or a logged call that dates the change after it"


def _window(question: Question) -> str:
    moment = question.moment
    if moment.exact:
        return f"a window that contains {words.instant(moment.latest)}"
    if moment.earliest is None:
        return f"a window that ends no earlier than {words.instant(moment.latest)}, and a first look at the resource within it"
    return f"a window that contains the time {words.between(moment.earliest, moment.latest)}"


def _approval(question: Question) -> str:
    return "anybody's approval" if question.kind is ChangeType.EMERGENCY else "its approval complete"


def _review(question: Question) -> str:
    of = f" of {question.record.artifact_ref}" if question.record.artifact_ref else ""
    return f"an approving review{of} by somebody who did not make the change"


def _test(question: Question) -> str:
    policy = question.policy
    kind = "automated test" if policy.tests.automated else "test"
    of = f" of {question.record.artifact_ref or 'the artifact that the record names'}" if policy.tests.match_ref else ""
    where = words.listed(policy.context.non_production_environments, "or") or "an environment that the policy names as non-production"
    return f"a passed {kind}{of} in {where}"


def _declared(question: Question) -> str:
    by = question.moment.latest + timedelta(hours=question.policy.emergency.declare_within_h)
    return f"its declaration by {words.instant(by)}"


def _actor(question: Question) -> str:
    event = question.instance.event
    named = event and (event.actor or event.on_behalf_of)
    return f"{named or 'whoever made the change'} among its implementers"


def _covers(question: Question) -> str:
    return f"a target that covers {act(question)}"


_REMEDIES: Final[Mapping[str, Callable[[Question], str]]] = MappingProxyType(
    {
        "out_of_scope": _covers,
        "value": lambda _: "the value that it names, or an expectation that this value meets",
        "no_window": _window,
        "outside_window": _window,
        "partly_inside": lambda q: f"{_window(q)}, or a logged call that dates the change",
        "rejected_by": lambda _: "no rejection that stands",
        "unapproved": lambda q: _in_time(q, _approval(q)),
        "retroactive": lambda q: _in_time(q, "its approval complete"),
        "undated": lambda q: _in_time_or_dated(q, _approval(q)),
        "backdated": lambda q: _in_time(q, "its approval, where driftwatch reads it"),
        "self_approval": lambda q: _in_time(q, "the approval of people without a part in it"),
        "edited": lambda q: _in_time(q, "its approval, as it stands,"),
        "unreviewed": _review,
        "untested": _test,
        "no_rollback_plan": lambda _: "a rollback plan",
        "no_actor": lambda _: "a logged call that tells who made the change",
        "no_implementers": _actor,
        "not_implementer": _actor,
        "unlinked": lambda _: "a run that names the record, its artifact or one of its runs",
        "other_run": lambda _: "a run that names the record, its artifact or one of its runs",
        "privileged_actor": lambda _: "a change made under the person's own identity, or an emergency record",
        "pipeline_bypass": lambda _: "a change made by a registered pipeline",
        "late_declaration": _declared,
        "missing": lambda q: f"a complete review by {words.instant(q.review_deadline)}",
        "cancelled": lambda _: "a record that was not cancelled",
        "rejected": lambda _: "a record that was not rejected",
        "backed_out_but_present": lambda _: "a record whose change was not backed out",
        "closed": lambda q: f"a record that was still open at {words.instant(q.moment.latest)}",
        "stale": lambda q: f"a record that its source still showed at {words.instant(q.moment.latest)}",
        "frozen": lambda q: _in_time(q, "a freeze override of somebody in its role without a part in it"),
        "no_template": lambda _: "a template that the policy has",
        "template_unapproved": lambda _: "a template that somebody approved",
        "template_self_approved": lambda _: "a template that somebody else than its author approved",
        "template_not_valid": lambda q: f"a template that was valid at {words.instant(q.moment.latest)}",
        "outside_template": lambda q: f"a template that covers {act(q)}",
    }
)
