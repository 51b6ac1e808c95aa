"""Decision cases: files that state what happened and what the policy must make of it. `policy test` runs them.

A case's policy is `presets[case.preset]` with `case.policy_overrides` merged in: maps merge, lists and single values replace;
`policy_overrides.context` merges into `context`. Without `presets` and `context` in the file, the shipped presets and an empty context
are used. A case that names no preset is judged under the policy that the caller gives.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from driftwatch.documents import case_parts, values
from driftwatch.documents.case_policies import CasePolicies
from driftwatch.documents.changes import change_record
from driftwatch.documents.claims import Claim, claims, event_word
from driftwatch.documents.fields import Fields, each_once, some
from driftwatch.documents.policies import versioned
from driftwatch.documents.problems import Problems
from driftwatch.documents.reader import read
from driftwatch.documents.tree import Limits, Node, shown
from driftwatch.documents.values import Convert
from driftwatch.domain.activity import ActorEvent
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.authorization.trace import DETECT, KEYS
from driftwatch.domain.baseline import BaselineVersion
from driftwatch.domain.change import ChangeRecord, SourceStatus
from driftwatch.domain.decision import Verdict
from driftwatch.domain.drift import Drift
from driftwatch.domain.exception import ExceptionRecord
from driftwatch.domain.resource import Json
from driftwatch.errors import Place

CASE_LIMITS: Final = Limits(size=16 << 20, nodes=2_000_000)
"""Cases are long: a file of a thousand of them is read."""


class Kind(StrEnum):
    DECISION = "decision"
    BASELINE = "baseline"
    LIFECYCLE = "lifecycle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A drift and all that was known about it when it was judged."""

    drift: Drift
    events: tuple[ActorEvent, ...] = ()
    records: tuple[ChangeRecord, ...] = ()
    exceptions: tuple[ExceptionRecord, ...] = ()
    sources: tuple[SourceStatus, ...] = ()


Trace: TypeAlias = tuple[Mapping[str, Json], ...]
"""What happens to a finding, as `domain.authorization.trace` takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case: what happened, under which policy it is judged and when (None: it does not matter), and what has to come of it."""

    id: str
    title: str
    kind: Kind
    reason: str
    place: Place
    policy: Policy
    now: datetime | None
    given: Happened | BaselineVersion | Trace
    expect: tuple[Claim, ...]


def parse(data: bytes, source: str, policy: Policy | None = None) -> tuple[Case, ...]:
    """The cases of a file; `policy` is for those that name no preset. Raises InputError with every problem of the file."""
    node = read(data, source, CASE_LIMITS)
    problems = Problems()
    fields = Fields(node, problems, "a case file")
    fitting = CasePolicies(fields.node("presets"), fields.node("context"), policy, problems)
    listed = fields.node("cases")
    fields.done()
    problems.check()  # a mistake in a preset would otherwise be told once for every case
    if listed is None:
        problems.add(fields.where("cases"), 'no "cases"', "a list of cases")
        raise problems.error()
    seen: dict[str, int] = {}
    found = some(lambda item, noted: _case(item, noted, fitting, seen))(listed, problems)
    problems.check()
    return found or ()


def _case(node: Node, problems: Problems, fitting: CasePolicies, seen: dict[str, int]) -> Case | None:
    fields = Fields(node, problems, "a case")
    id_ = fields.required("id", values.name)
    kind = fields.required("kind", values.choice(Kind))
    title, reason = fields.either("title", values.text, ""), fields.either("reason", values.text, "")
    now = fields.optional("now", values.moment) if kind is Kind.LIFECYCLE else fields.required("now", values.moment)
    policy = fitting.of(fields, needed=kind is not Kind.LIFECYCLE)
    given = _GIVEN[kind](fields) if kind else None
    expect = fields.required("expect", lambda item, noted: claims(item, noted, kind or Kind.DECISION))
    if kind:
        fields.done()
    if id_ and seen.setdefault(id_, node.place.line) != node.place.line:
        problems.add(fields.where("id"), f"the case {shown(id_)} a second time (first on line {seen[id_]})", "each id once")
    if problems or policy is None or given is None:
        return None
    return Case(
        id=id_,
        title=title,
        kind=kind,
        reason=reason,
        place=node.place,
        policy=_with_roles(policy, given),
        now=now,
        given=given,
        expect=expect,
    )


def _happened(fields: Fields) -> Happened:
    return Happened(
        drift=fields.required("drift", case_parts.drift),
        events=fields.either("attribution", each_once(case_parts.event), ()),
        records=fields.either("changes", each_once(change_record), ()),
        exceptions=fields.either("exceptions", each_once(case_parts.exception), ()),
        sources=fields.many("sources", case_parts.source),
    )


def _baseline(fields: Fields) -> BaselineVersion:
    return fields.required("baseline", case_parts.baseline)


def _trace(fields: Fields) -> Trace:
    trace = fields.required("events", some(_event))
    if trace and trace[0]["event"] != DETECT:
        begins = f"a finding that begins with {trace[0]['event']}"
        fields.problems.add(fields.where("events"), begins, f"{DETECT} first: it makes the finding")
    return trace


_GIVEN: Final[Mapping[Kind, Callable[[Fields], Happened | BaselineVersion | Trace]]] = {
    Kind.DECISION: _happened,
    Kind.BASELINE: _baseline,
    Kind.LIFECYCLE: _trace,
}


def _event(node: Node, problems: Problems) -> Mapping[str, Json] | None:
    fields = Fields(node, problems, "an event")
    word = fields.required("event", event_word)
    says: dict[str, Json] = {"event": word}
    for key in sorted(KEYS.get(word, ())):
        value = fields.required(key, _EVENT_KEYS[key]) if key == "verdict" else fields.optional(key, _EVENT_KEYS[key])
        if value is not None:
            says[key] = value
    fields.done()
    return says


def _verdict(node: Node, problems: Problems) -> Json:
    verdict = values.choice(Verdict)(node, problems)
    return verdict and verdict.value


_EVENT_KEYS: Final[Mapping[str, Convert[Json]]] = {"verdict": _verdict, "settled": values.flag, "disposition": values.flag}


def _with_roles(policy: Policy, given: Happened | BaselineVersion | Trace) -> Policy:
    """The policy with the roles that the case's approvals name, where the policy itself gives nobody a role."""
    if policy.context.roles or isinstance(given, tuple):
        return policy
    named: defaultdict[str, list[str]] = defaultdict(list)
    approvals = [item for record in given.records for item in record.approvals] if isinstance(given, Happened) else given.approvals
    for approval in approvals:
        if approval.role and approval.role not in named[approval.who]:
            named[approval.who].append(approval.role)
    roles = {who: tuple(listed) for who, listed in named.items() if listed}
    return versioned(replace(policy, context=replace(policy.context, roles=roles))) if roles else policy
