"""R13, BASELINE_SOD: who may make a baseline version the approved state (authorisation specification, section 9.2)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.approvals import shortfall
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.policy import AutoPromote, Mode, Policy
from driftwatch.domain.baseline import Assurance, BaselineApproval, BaselineVersion, IncludedDrift
from driftwatch.domain.change import ApprovalDecision
from driftwatch.domain.decision import AWAITING, RuleOutcome, RuleResult, Verdict

Results = tuple[RuleResult, ...]

_NEEDS_NOBODY: Final = frozenset(verdict.value for verdict in (*AWAITING, Verdict.NOT_CONTROLLED))
_WORST_LAST: Final = (ApprovalDecision.APPROVED, ApprovalDecision.WITHDRAWN, ApprovalDecision.REJECTED)


def promotable(version: BaselineVersion, policy: Policy, now: datetime) -> tuple[bool, Results]:
    """Whether the people who decided on this content suffice, and R13's results: one pass, or each shortfall as a fail.

    Enforced: every shortfall refuses. In any other mode one approver suffices and the shortfalls are to be logged as warnings. In every
    mode the author never counts, nor does a decision about other content, and a rejection that stands refuses.
    """
    people = Identities(policy.context)
    latest = _latest(version, people, now)
    rejecters = sorted(who for who, item in latest.items() if item.decision is ApprovalDecision.REJECTED)
    given = {who for who, item in latest.items() if item.decision is ApprovalDecision.APPROVED and people.is_person(who)}
    approving = {who for who in given if _sure_enough(latest[who], policy)}
    approvers = approving - {people.resolve(version.author)}
    shortfalls = [
        *([_result("rejected_by", f"{words.listed(rejecters)} rejected this content, and did not take that back.")] if rejecters else []),
        *_approval_shortfalls(version, approving, given - approving, policy, people),
        *(result for item in version.included if (result := _undisposed(item, people))),
    ]
    if not shortfalls:
        named = words.listed(sorted(approvers))
        said = f"{named} approved this content and had no part in it."
        return True, (RuleResult(rule="R13", outcome=RuleOutcome.PASS, explanation=said),)
    softened = policy.mode("R13") is not Mode.ENFORCE
    return softened and bool(approvers) and not rejecters, tuple(shortfalls)


def auto_promotable(version: BaselineVersion, policy: Policy) -> tuple[bool, Results]:
    """Whether the version may be activated without people: its change records are the approval.

    Only where the policy allows it, never for a first baseline or one that names no drift, and only if every included drift is covered.
    The verdicts have to be those of settled decisions.
    """
    uncovered = [item.drift for item in version.included if item.verdict not in _NEEDS_NOBODY]
    if policy.baseline.auto_promote is AutoPromote.OFF:
        why = "This policy lets no baseline become active without people."
    elif version.bootstrap:
        why = "A first baseline approves everything it holds, so a person has to look at it."
    elif not version.included:
        why = "The version names no drift that a change record covers."
    elif uncovered:
        why = f"No change record covers {words.listed(uncovered)}."
    else:
        said = "Every included drift was authorised by its own change record."
        return True, (RuleResult(rule="R13", outcome=RuleOutcome.PASS, explanation=said),)
    return False, (_result("needs_people", why),)


def _latest(version: BaselineVersion, people: Identities, now: datetime) -> dict[str, BaselineApproval]:
    """Each person's latest decision on this very content; of two at one instant the worse."""
    seen = [item for item in version.approvals if item.content_hash == version.content_hash and item.at <= now]
    return {people.resolve(item.who): item for item in sorted(seen, key=lambda item: (item.at, _WORST_LAST.index(item.decision)))}


def _sure_enough(approval: BaselineApproval, policy: Policy) -> bool:
    return policy.min_assurance is Assurance.LOCAL or approval.assurance is Assurance.SIGNED


def _approval_shortfalls(
    version: BaselineVersion, approving: set[str], unsure: set[str], policy: Policy, people: Identities
) -> list[RuleResult]:
    """What the approvals of people without any part in the content fall short of; at least one person is always needed."""
    author = people.resolve(version.author)
    actors = people.people(actor for item in version.included for actor in item.actors)
    outside = approving - actors - {author}
    required = policy.baseline
    short = shortfall(outside, max(1, required.min_count), required.role_groups, people)
    if not short:
        return []
    parts = [(author, "proposed it"), *((actor, "made a change that it includes") for actor in sorted(actors))]
    ruled_out = [f"{who} {part} and does not count" for who, part in parts if who in approving]
    ruled_out += [f"{who} approved it without the signature that this policy asks for" for who in sorted(unsure)]
    why = f"; {words.listed(ruled_out)}" if ruled_out else ""
    return [_result("approvals", f"Of the approvals that this content needs, {words.listed(short)}{why}.")]


def _undisposed(item: IncludedDrift, people: Identities) -> RuleResult | None:
    """An uncovered drift enters a baseline only by the word of somebody who did not make it."""
    if item.verdict in _NEEDS_NOBODY:
        return None
    if item.disposition is None:
        return _result("disposition", f"The drift {item.drift} is {item.verdict}, and nobody has said what is to become of it.")
    by = people.resolve(item.disposition.by)
    if by in people.people(item.actors):
        return _result("disposition", f"The drift {item.drift} is {item.verdict}, and {by}, who disposed of it, is the one who made it.")
    return None


def _result(detail: str, explanation: str) -> RuleResult:
    return RuleResult(rule="R13", outcome=RuleOutcome.FAIL, detail=detail, explanation=explanation)
