"""What holds for every decision, whatever the records, events and policy are."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from driftwatch.domain.activity import ActorKind, RunRef
from driftwatch.domain.authorization.decide import CandidateIndex, decide
from driftwatch.domain.authorization.matching import matching_targets
from driftwatch.domain.authorization.policy import Mode, Policy, TemplateStatus, UnknownAs, WindowMode
from driftwatch.domain.change import (
    ApprovalDecision,
    ApprovalKind,
    ChangeRecord,
    ChangeState,
    ChangeType,
    Expectation,
    Observation,
    ReviewDecision,
    Risk,
    Target,
    TestResult,
)
from driftwatch.domain.codec import decode
from driftwatch.domain.decision import COVERED, Decision, RuleOutcome, Verdict
from driftwatch.domain.drift import Drift, DriftKind
from driftwatch.domain.exception import ExceptionRecord, ExceptionState
from tests.builders import (
    CIDR,
    GROUP,
    approval,
    at,
    context,
    difference,
    drift,
    event,
    exception,
    freeze,
    interval,
    policy,
    record,
    review,
    run,
    source,
    target,
    template,
    window,
)
from tests.unit.authorization.asking import examples

NOW = at("03-10 12:30")
PATHS = (CIDR, "/Description", "/Tags/owner", "/IngressRules/sgr-02")
TIMES = [f"03-10 {hour:02}:{minute:02}" for hour in (9, 10, 11, 12, 13) for minute in (0, 7, 30)]
PEOPLE = ("mia", "mia@corp.example", "dan", "eve", "alice", "bob", "role/terraform-prod", "root")
RULES = [f"R{number}" for number in range(2, 20)]

times = st.sampled_from(TIMES)
moments = times.map(at)
approvals = st.builds(
    approval,
    st.sampled_from(PEOPLE),
    times,
    st.sampled_from([ApprovalDecision.APPROVED, *ApprovalDecision]),
    kind=st.sampled_from([ApprovalKind.CHANGE, ApprovalKind.CHANGE, ApprovalKind.FREEZE_OVERRIDE]),
)
reviews = st.builds(
    review,
    st.sampled_from(PEOPLE),
    times,
    st.sampled_from([ReviewDecision.APPROVED, *ReviewDecision]),
    ref=st.sampled_from([None, "abc123", "other"]),
)
runs = st.builds(
    run,
    times,
    environment=st.sampled_from(["staging", "prod"]),
    automated=st.booleans(),
    result=st.sampled_from([TestResult.PASSED, *TestResult]),
    ref=st.sampled_from(["abc123", "other"]),
)
windows = st.tuples(times, times).filter(lambda pair: pair[0] < pair[1]).map(lambda pair: window(*pair))
expectations = st.sampled_from(
    [
        Expectation(path=CIDR, equals="10.1.0.0/16", equals_given=True),
        Expectation(path=CIDR, matches="10.*"),
        Expectation(path="/Description", absent=True),
    ]
)
targets = st.builds(
    target,
    ids=st.sampled_from([(GROUP,), ("sg-0a1",), ("web", "x"), (GROUP[:-2] + "*",), ("arn:other",), ("arn:*:security-group/sg-0a1",)]),
    attribute_paths=st.sampled_from([None, ("",), ("/IngressRules",), ("/Description", "/Tags/*"), (CIDR,)]),
    operations=st.sampled_from([None, (DriftKind.UPDATED,), (DriftKind.CREATED,)]),
    expected=st.lists(expectations, max_size=2).map(tuple),
) | st.sampled_from(
    [
        Target(tags={"app": ("web",)}),
        Target(tags={"app": ("*",), "env": ("test",)}),
        Target(resource_types=("AWS::EC2::*",)),
        Target(resource_types=("AWS::EC2::SecurityGroup",), accounts=("1*",)),
        Target(resource_types=("AWS::S3::Bucket", "AWS::EC2::SecurityGroup"), accounts=("111111111111", "222222222222")),
        Target(accounts=("111111111111",)),
        Target(regions=("eu-*",)),
        Target(),
    ]
)


@st.composite
def record_lists(draw: st.DrawFn, size: int = 6) -> list[ChangeRecord]:
    """Records of every kind. Each list of evidence is often the plain good one, so that some records come through all rules."""
    good = record()
    made = draw(
        st.lists(
            st.builds(
                record,
                type=st.sampled_from([ChangeType.NORMAL, *ChangeType]),
                state=st.sampled_from([ChangeState.IMPLEMENTING, ChangeState.IMPLEMENTING, ChangeState.CANCELLED]),
                risk=st.sampled_from([None, Risk.HIGH]),
                requester=st.sampled_from([None, *PEOPLE]),
                authors=st.sampled_from([(), ("mia",), ("alice", "eve")]),
                implementers=st.sampled_from([(), ("bob",), ("mia",), ("group:netops",)]),
                approvals=st.just(good.approvals) | st.lists(approvals, max_size=3).map(tuple),
                reviews=st.just(good.reviews) | st.lists(reviews, max_size=2).map(tuple),
                tests=st.just(good.tests) | st.lists(runs, max_size=2).map(tuple),
                rollback_plan=st.sampled_from(["undo", "undo", None]),
                artifact_ref=st.sampled_from(["abc123", "abc123", None]),
                template_id=st.sampled_from([None, "STD-RULES", "STD-DRAFT"]),
                windows=st.lists(windows, max_size=2).map(tuple),
                scope=st.lists(targets, min_size=1, max_size=3).map(tuple),
                created_at=moments,
                material_changed_at=st.none() | st.none() | moments,
                closed_at=st.none() | moments,
                stale_since=st.none() | st.none() | moments,
                observations=st.just(()) | moments.map(lambda time: (Observation(at=time, approved=False),)),
            ),
            max_size=size,
        )
    )
    return [replace(item, id=f"CHG-{number}") for number, item in enumerate(made)]


events = st.lists(
    st.builds(
        event,
        times,
        actor=st.sampled_from([None, *PEOPLE]),
        actor_kind=st.sampled_from([ActorKind.HUMAN, *ActorKind]),
        on_behalf_of=st.sampled_from([None, None, "eve"]),
        paths=st.sampled_from([None, ("/IngressRules",), ("/Description",)]),
        run_ref=st.sampled_from([None, RunRef(change_id="CHG-1"), RunRef(commit="abc123"), RunRef(run_id="x")]),
        failed=st.booleans(),
    ),
    max_size=3,
).map(lambda made: [replace(item, id=f"ev-{number}") for number, item in enumerate(made)])
exceptions = st.lists(
    st.builds(
        exception,
        requested_by=st.sampled_from(["bob", "sam"]),
        approved_by=st.sampled_from([None, "sam", "mia"]),
        approved_at=st.none() | moments,
        scope=st.lists(targets, min_size=1, max_size=2).map(tuple),
        starts_at=st.sampled_from([at("03-01 00:00"), at("03-10 11:00"), at("03-10 13:00")]),
        expires_at=st.sampled_from([None, at("03-10 12:30"), at("03-11 00:00"), at("12-01 00:00")]),
        state=st.sampled_from([ExceptionState.ACTIVE, *ExceptionState]),
    ),
    max_size=3,
).map(lambda made: [replace(item, id=f"EX-{number}") for number, item in enumerate(made)])
drifts = st.builds(
    lambda paths, last_good, own: drift(
        *(difference(path, interval=interval("03-10 09:30", "03-10 10:07") if own else None) for path in paths),
        interval=interval(last_good),
    ),
    st.lists(st.sampled_from(PATHS), min_size=1, max_size=3, unique=True),
    st.sampled_from([None, "03-10 09:00", "03-10 10:00"]),
    st.booleans(),
)
contexts = st.builds(
    context,
    freezes=st.sampled_from(
        [(), (), (freeze("03-10 09:00", "03-10 10:20"), freeze(id="FRZ-2", scope=(Target(attribute_paths=("/Tags",)),)))]
    ),
    templates=st.just((template(), template(id="STD-DRAFT", status=TemplateStatus.DRAFT))),
    pipeline_only=st.sampled_from([(), (Target(resource_types=("AWS::EC2::*",)),)]),
)
policies = st.builds(
    lambda made, where: replace(made, context=where),
    st.builds(
        policy,
        st.sampled_from(["startup", "scaleup", "enterprise"]),
        rules=st.dictionaries(st.sampled_from(RULES), st.sampled_from(list(Mode)), max_size=8),
        unknown_as=st.sampled_from(list(UnknownAs)),
        window_mode=st.sampled_from(list(WindowMode)),
        derive_window=st.booleans(),
        clock_tolerance_s=st.sampled_from([0, 300, 900]),
    ),
    contexts,
)
sources = st.sampled_from([[], [source()], [source("03-10 10:00")], [source(None)]])


def judge(drift_: Drift, seen, records, made: Policy, feeds=(), excuses=()) -> Decision:
    return decide(drift_, events=seen, records=records, sources=feeds, policy=made, now=NOW, exceptions=excuses)


def one_writer(made: Policy) -> Policy:
    return replace(made, evaluate_all_writers=False)


def results_of(decision: Decision) -> list:
    every = [result for path in decision.paths for result in path.results]
    return every + [result for path in decision.paths for item in path.considered for result in item.results]


@given(drifts, events, record_lists(), policies, sources, exceptions, st.randoms(use_true_random=False))
@examples(80)
def test_the_order_of_records_events_sources_and_exceptions_changes_not_one_byte(
    drift_, seen, records, made, feeds, excuses, random
) -> None:
    feeds = [*feeds, source(name="second")]
    before = json.dumps(judge(drift_, seen, records, made, feeds, excuses).to_json())
    for items in (seen, records, feeds, excuses):
        random.shuffle(items)
    assert json.dumps(judge(drift_, seen, records, made, feeds, excuses).to_json()) == before


@given(drifts, events, record_lists(), policies, exceptions)
@examples(100)
def test_evidence_is_never_pooled_each_path_is_judged_as_by_its_best_record_alone(drift_, seen, records, made, excuses) -> None:
    """With many records a path comes out exactly as well as with the best one of them alone: no more and no less.

    Where R2 only warns, a record in scope is preferred to one that is not, whatever else is wrong with it (step 8). Of two records that
    both authorise it, either may be the standard one. An exception is asked for only where no record does better than nothing (step 10): a
    valid emergency leaves it aside.
    """
    assume(made.mode("R2") is not Mode.WARN)
    made = one_writer(made)
    together = judge(drift_, seen, records, made, excuses=excuses)
    alone = [judge(drift_, seen, [item], made, excuses=excuses) for item in records] or [judge(drift_, seen, [], made, excuses=excuses)]
    order = list(Verdict)
    for place, path in enumerate(together.paths):
        verdicts = {decision.paths[place].verdict for decision in alone}
        best = min(verdicts, key=order.index)
        if best is Verdict.EXCEPTED and Verdict.EMERGENCY_PENDING_REVIEW in verdicts:
            best = Verdict.EMERGENCY_PENDING_REVIEW
        assert _alike(path.verdict) is _alike(best)


def _alike(verdict: Verdict) -> Verdict:
    return Verdict.AUTHORIZED if verdict is Verdict.AUTHORIZED_STANDARD else verdict


@given(drifts, events, record_lists(), policies, sources, exceptions)
@examples(70)
def test_taking_away_a_record_that_was_not_chosen_changes_no_verdict(drift_, seen, records, made, feeds, excuses) -> None:
    made = one_writer(made)
    before = judge(drift_, seen, records, made, feeds, excuses)
    chosen = {path.record for path in before.paths}
    for item in records:
        if item.id not in chosen:
            after = judge(drift_, seen, [other for other in records if other is not item], made, feeds, excuses)
            assert [path.verdict for path in after.paths] == [path.verdict for path in before.paths]
            assert [path.record for path in after.paths] == [path.record for path in before.paths]


@given(drifts, events, record_lists(), policies, sources, exceptions)
@examples(70)
def test_an_unrelated_record_or_exception_changes_nothing_at_all(drift_, seen, records, made, feeds, excuses) -> None:
    elsewhere = (Target(ids=("arn:aws:s3:::other",)), Target(resource_types=("AWS::S3::Bucket",)))
    more, excuse = record(id="CHG-0-unrelated", scope=elsewhere), exception(id="EX-0-unrelated", scope=elsewhere)
    assert judge(drift_, seen, [*records, more], made, feeds, [*excuses, excuse]) == judge(drift_, seen, records, made, feeds, excuses)


@given(drifts, events, record_lists(), policies, sources, exceptions)
@examples(140)
def test_an_authorised_path_has_a_record_in_which_every_enforced_rule_passes(drift_, seen, records, made, feeds, excuses) -> None:
    """For every writer that is judged; what is unknown only where the policy accepts that. An excepted one has an exception in force."""
    accepted = {RuleOutcome.PASS, RuleOutcome.NOT_APPLICABLE}
    if made.unknown_as is UnknownAs.PASS:
        accepted.add(RuleOutcome.UNKNOWN)
    decision = judge(drift_, seen, records, made, feeds, excuses)
    standard = {item.id for item in records if item.type is ChangeType.STANDARD and made.mode("R17") is Mode.ENFORCE}
    for path in decision.paths:
        if path.verdict is Verdict.EXCEPTED:
            assert path.record in {item.id for item in excuses if _in_force(item)}
        elif path.verdict in COVERED:
            assert path.record in {item.id for item in records}
            assert made.evaluate_all_writers or (path.record in standard) is (path.verdict is Verdict.AUTHORIZED_STANDARD)
            writers = {result.event for item in path.considered for result in item.results}
            passed = {
                result.event
                for item in path.considered
                for result in item.results
                if all(other.outcome in accepted for other in item.results if made.mode(other.rule) is Mode.ENFORCE)
            }
            assert passed == writers


def _in_force(item: ExceptionRecord) -> bool:
    started = item.starts_at <= NOW and (item.approved_at is None or item.approved_at <= NOW)
    approved = item.state is ExceptionState.ACTIVE and item.approved_by not in (None, item.requested_by)
    return started and approved and item.expires_at is not None and item.expires_at > NOW


@given(drifts, events, record_lists(), policies, sources, exceptions)
@examples(80)
def test_what_is_off_is_not_asked_what_warns_never_decides_and_a_verdict_has_its_reasons(
    drift_, seen, records, made, feeds, excuses
) -> None:
    decision = judge(drift_, seen, records, made, feeds, excuses)
    assert not {result.rule for result in results_of(decision) if made.mode(result.rule) is Mode.OFF} - {"R1", "R14", "SOURCE_STALE"}
    assert {result.rule for result in decision.violations if made.mode(result.rule) is not Mode.ENFORCE} <= {"R1", "R14"}
    assert {result.rule for result in decision.unknowns if made.mode(result.rule) is not Mode.ENFORCE} <= {"SOURCE_STALE"}
    verdicts = {path.verdict for path in decision.paths}
    assert bool(decision.violations) or not verdicts & {Verdict.UNAUTHORIZED, Verdict.EXCEPTION_EXPIRED}
    assert bool(decision.unknowns) or Verdict.INDETERMINATE not in verdicts
    if decision.verdict is Verdict.EMERGENCY_PENDING_REVIEW:
        assert decision.due_at is not None
        assert decision.due_at >= NOW


@given(drifts, events, record_lists(), policies, exceptions)
@examples(80)
def test_what_is_dated_after_now_is_as_if_it_were_not_there(drift_, seen, records, made, excuses) -> None:
    """Nobody approves in the future: an approval, review, test or event that is dated later changes nothing, nor does an exception."""
    known = [
        replace(
            item,
            approvals=tuple(given for given in item.approvals if given.at <= NOW),
            reviews=tuple(given for given in item.reviews if given.at <= NOW),
            tests=tuple(given for given in item.tests if given.finished_at <= NOW),
            observations=tuple(given for given in item.observations if given.at <= NOW),
        )
        for item in records
    ]
    begun = [item for item in excuses if item.starts_at <= NOW and (item.approved_at is None or item.approved_at <= NOW)]
    now_known = judge(drift_, [item for item in seen if item.time <= NOW], known, made, excuses=begun)
    everything = judge(drift_, seen, records, made, excuses=excuses)
    assert _findings(everything) == _findings(now_known)


def _findings(decision: Decision) -> list:
    """All but the sentences: one may say that a test has not finished yet."""
    every = [decision.violations, decision.unknowns, decision.warnings, results_of(decision)]
    told = [[(item.rule, item.outcome, item.record, item.event, item.detail) for item in results] for results in every]
    paths = [(path.verdict, path.record, path.amendment) for path in decision.paths]
    return [decision.verdict, decision.record, decision.also_matched, decision.due_at, decision.settled, paths, told]


@given(drifts, events, record_lists(), policies, sources, exceptions)
@examples(100)
def test_every_judgement_is_explained_in_a_sentence_without_holes(drift_, seen, records, made, feeds, excuses) -> None:
    decision = judge(drift_, seen, records, made, feeds, excuses)
    for result in results_of(decision):
        text = result.explanation
        assert not text[0].islower() or text.startswith((*PEOPLE, "carol"))
        assert text.endswith(".")
        assert not any(hole in text for hole in ("None", "  ", "{", "}", " .", " ,", "by ,", "()", "..", ".;"))
        told = result.outcome is not RuleOutcome.FAIL or result.rule in ("R1", "R14")
        assert told or "; it would have passed with " in text
    assert all(path.amendment == () or path.verdict not in COVERED for path in decision.paths)
    assert decode(Decision, decision.to_json()) == decision


@given(drifts, record_lists(size=12), policies)
@examples(50)
def test_the_index_finds_exactly_the_records_that_a_look_at_all_of_them_finds(drift_, records, made) -> None:
    found = CandidateIndex(records, made).candidates(drift_)
    expected = [(item.id, targets) for item in records if (targets := matching_targets(item, drift_, made))]
    assert [(item.record.id, item.targets) for item in found] == sorted(expected)
