"""What decision cases are made of: drifts, logged calls, exceptions, source states and baselines, as people write them."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from driftwatch.documents import values
from driftwatch.documents.fields import Fields, items, some, table
from driftwatch.documents.problems import Problems
from driftwatch.documents.targets import target
from driftwatch.documents.tree import Node, Scalar
from driftwatch.domain.activity import ActorEvent, ActorKind, RunRef
from driftwatch.domain.baseline import Assurance, BaselineApproval, BaselineState, BaselineVersion, Disposition, IncludedDrift, Method
from driftwatch.domain.change import ApprovalDecision, SourceStatus
from driftwatch.domain.decision import Verdict
from driftwatch.domain.drift import Difference, Drift, DriftKind, Interval, Op
from driftwatch.domain.exception import ExceptionRecord, ExceptionState

_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


class _EventOutcome(StrEnum):
    OK = "ok"
    FAILED = "failed"


class _DispositionKind(StrEnum):
    RATIFIED = "ratified"
    RISK_ACCEPTED = "risk_accepted"
    EXCEPTED = "excepted"


def drift(node: Node, problems: Problems) -> Drift | None:
    """A drift. `baseline_id`, `snapshot_id` and `previous_id` may stand there, and decide nothing."""
    fields = Fields(node, problems, "a drift")
    for name in ("baseline_id", "snapshot_id", "previous_id"):
        fields.optional(name, values.name)
    result = Drift(
        id=fields.either("id", values.name, "drift"),
        account=fields.required("account", values.account),
        region=fields.required("region", values.name),
        resource_type=fields.required("resource_type", values.name),
        resource_id=fields.required("resource_id", values.name),
        resource=fields.either("resource", values.name, ""),
        label=fields.optional("label", values.name),
        kind=fields.required("kind", values.choice(DriftKind)),
        tags_before=fields.either("tags_before", table(_tag_value), {}),
        tags_after=fields.either("tags_after", table(_tag_value), {}),
        changes=fields.required("changes", some(_difference)),
        interval=fields.required("interval", _interval),
    )
    fields.done()
    return result


def event(node: Node, problems: Problems) -> ActorEvent | None:
    """A logged call; `paths: null`, or none at all, stands for every path."""
    fields = Fields(node, problems, "a logged call")
    result = ActorEvent(
        id=fields.required("id", values.name),
        time=fields.required("time", values.moment),
        event_name=fields.required("event_name", values.name),
        actor=fields.optional("actor", values.name),
        actor_kind=fields.either("actor_kind", values.choice(ActorKind), ActorKind.UNKNOWN),
        on_behalf_of=fields.optional("on_behalf_of", values.name),
        invoked_by=fields.optional("invoked_by", values.name),
        paths=fields.optional("paths", items(values.pointer)),
        run_ref=fields.optional("run_ref", _run_ref),
        read_only=fields.either("read_only", values.flag, otherwise=False),
        failed=fields.either("outcome", values.choice(_EventOutcome), _EventOutcome.OK) is _EventOutcome.FAILED,
    )
    fields.done()
    return result


def exception(node: Node, problems: Problems) -> ExceptionRecord | None:
    """An exception as somebody granted it; without `approved_by` or `expires_at` it is read, and void (R14)."""
    fields = Fields(node, problems, "an exception")
    result = ExceptionRecord(
        id=fields.required("id", values.name),
        requested_by=fields.required("requested_by", values.name),
        reason=fields.either("reason", values.text, ""),
        scope=fields.required("scope", some(target)),
        starts_at=fields.required("starts_at", values.moment),
        expires_at=fields.optional("expires_at", values.moment),
        state=fields.either("state", values.choice(ExceptionState), ExceptionState.ACTIVE),
        approved_by=fields.optional("approved_by", values.name),
        approved_at=fields.optional("approved_at", values.moment),
        requested_at=fields.optional("requested_at", values.moment),
        revoked_by=fields.optional("revoked_by", values.name),
        revoked_at=fields.optional("revoked_at", values.moment),
    )
    fields.done()
    return result


def source(node: Node, problems: Problems) -> SourceStatus | None:
    """A change source and when it was last read; without `last_success_at` it never was."""
    fields = Fields(node, problems, "a change source")
    success = fields.optional("last_success_at", values.moment)
    result = SourceStatus(
        name=fields.required("name", values.name),
        last_success_at=success,
        last_attempt_at=fields.optional("last_attempt_at", values.moment) or success,
        error=fields.optional("error", values.text),
    )
    fields.done()
    return result


def baseline(node: Node, problems: Problems) -> BaselineVersion | None:
    """A proposed baseline. An approval counts as signed unless it says `assurance: local`."""
    fields = Fields(node, problems, "a baseline")
    result = BaselineVersion(
        id=fields.required("id", values.name),
        name=fields.either("scope", values.name, "baseline"),
        state=fields.either("state", values.choice(BaselineState), BaselineState.PROPOSED),
        author=fields.required("author", values.name),
        created_at=fields.either("created_at", values.moment, _LONG_AGO),
        content_hash=fields.required("content_hash", values.name),
        bootstrap=fields.either("bootstrap", values.flag, otherwise=False),
        included=fields.many("included", _included),
        approvals=fields.many("approvals", _approval),
    )
    fields.done()
    return result


def disposition(node: Node, problems: Problems) -> Disposition | None:
    """What somebody decided about an uncovered drift."""
    fields = Fields(node, problems, "a disposition")
    kind = fields.required("kind", values.choice(_DispositionKind))
    result = Disposition(kind=kind and kind.value, by=fields.required("by", values.name))
    fields.done()
    return result


def _tag_value(node: Node, problems: Problems) -> str | None:
    return "" if isinstance(node, Scalar) and not node.plain and not node.text else values.text(node, problems)


def _difference(node: Node, problems: Problems) -> Difference | None:
    fields = Fields(node, problems, "a difference")
    result = Difference(
        path=fields.required("path", values.pointer),
        op=fields.required("op", values.choice(Op)),
        before=fields.optional("before", values.json_value),
        after=fields.optional("after", values.json_value),
        interval=fields.optional("interval", _interval),
    )
    fields.done()
    return result


def _interval(node: Node, problems: Problems) -> Interval | None:
    fields = Fields(node, problems, "an interval")
    result = Interval(last_good=fields.optional("last_good", values.moment), detected=fields.required("detected", values.moment))
    fields.done()
    if result.last_good and result.detected and result.last_good > result.detected:
        return problems.add(fields.where("last_good"), "a change that was detected before the old state was last seen", "last_good first")
    return result


def _run_ref(node: Node, problems: Problems) -> RunRef | None:
    fields = Fields(node, problems, "a run_ref")
    result = RunRef(
        change_id=fields.optional("change_id", values.name),
        commit=fields.optional("commit", values.name),
        run_id=fields.optional("run_id", values.name),
    )
    fields.done()
    return result


def _included(node: Node, problems: Problems) -> IncludedDrift | None:
    fields = Fields(node, problems, "an included drift")
    verdict = fields.required("verdict", values.choice(Verdict))
    result = IncludedDrift(
        drift=fields.required("drift", values.name),
        verdict=verdict and verdict.value,
        actors=fields.many("actors", values.name),
        disposition=fields.optional("disposition", disposition),
    )
    fields.done()
    return result


def _approval(node: Node, problems: Problems) -> BaselineApproval | None:
    fields = Fields(node, problems, "an approval of a baseline")
    result = BaselineApproval(
        who=fields.required("who", values.name),
        decision=fields.required("decision", values.choice(ApprovalDecision)),
        at=fields.required("at", values.moment),
        content_hash=fields.required("content_hash", values.name),
        role=fields.optional("role", values.name),
        method=fields.optional("method", values.choice(Method)),
        assurance=fields.either("assurance", values.choice(Assurance), Assurance.SIGNED),
    )
    fields.done()
    return result
