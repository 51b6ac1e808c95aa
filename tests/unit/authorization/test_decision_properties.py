"""What holds for every decision, whatever the records, events and policy are."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from driftwatch.domain.activity import ActorKind, RunRef
from driftwatch.domain.authorization.decide import CandidateIndex, decide
from driftwatch.domain.authorization.matching import matching_targets
from driftwatch.domain.authorization.policy import Mode, Policy, UnknownAs, WindowMode
from driftwatch.domain.change import ApprovalDecision, ChangeRecord, ChangeState, ChangeType, Expectation, Observation, Target
from driftwatch.domain.codec import decode
from driftwatch.domain.decision import COVERED, Decision, RuleOutcome, Verdict
from driftwatch.domain.drift import Drift, DriftKind
from tests.builders import CIDR, GROUP, approval, at, difference, drift, event, interval, policy, record, source, target, window

NOW = at("03-10 12:30")
PATHS = (CIDR, "/Description", "/Tags/owner", "/IngressRules/sgr-02")
TIMES = [f"03-10 {hour:02}:{minute:02}" for hour in (9, 10, 11, 12) for minute in (0, 7, 30)]
PEOPLE = ("mia", "mia@corp.example", "dan", "eve", "alice", "bob", "role/terraform-prod")

times = st.sampled_from(TIMES)
approvals = st.builds(approval, st.sampled_from(PEOPLE), times, st.sampled_from(list(ApprovalDecision)))
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
moments = times.map(at)


@st.composite
def record_lists(draw: st.DrawFn, size: int = 6) -> list[ChangeRecord]:
    made = draw(
        st.lists(
            st.builds(
                record,
                type=st.sampled_from([ChangeType.NORMAL, ChangeType.NORMAL, ChangeType.NORMAL, ChangeType.EMERGENCY]),
                state=st.sampled_from([ChangeState.IMPLEMENTING, ChangeState.IMPLEMENTING, ChangeState.CANCELLED]),
                requester=st.sampled_from([None, *PEOPLE]),
                implementers=st.sampled_from([(), ("bob",), ("mia",)]),
                approvals=st.lists(approvals, max_size=3).map(tuple),
                windows=st.lists(windows, max_size=2).map(tuple),
                scope=st.lists(targets, min_size=1, max_size=3).map(tuple),
                created_at=moments,
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
        actor=st.sampled_from(PEOPLE),
        actor_kind=st.sampled_from(list(ActorKind)),
        paths=st.sampled_from([None, ("/IngressRules",), ("/Description",)]),
        run_ref=st.sampled_from([None, RunRef(change_id="CHG-1")]),
        failed=st.booleans(),
    ),
    max_size=3,
).map(lambda made: [replace(item, id=f"ev-{number}") for number, item in enumerate(made)])
drifts = st.builds(
    lambda paths, last_good, own: drift(
        *(difference(path, interval=interval("03-10 09:30", "03-10 10:07") if own else None) for path in paths),
        interval=interval(last_good),
    ),
    st.lists(st.sampled_from(PATHS), min_size=1, max_size=3, unique=True),
    st.sampled_from([None, "03-10 09:00", "03-10 10:00"]),
    st.booleans(),
)
policies = st.builds(
    policy,
    st.sampled_from(["startup", "scaleup", "enterprise"]),
    rules=st.dictionaries(st.sampled_from(["R2", "R3", "R4", "R5", "R9", "R11"]), st.sampled_from(list(Mode)), max_size=2),
    unknown_as=st.sampled_from(list(UnknownAs)),
    window_mode=st.sampled_from(list(WindowMode)),
    derive_window=st.booleans(),
    clock_tolerance_s=st.sampled_from([0, 300, 900]),
)
sources = st.sampled_from([[], [source()], [source("03-10 10:00")], [source(None)]])


def judge(drift_: Drift, seen, records, made: Policy, feeds=()) -> Decision:
    return decide(drift_, events=seen, records=records, sources=feeds, policy=made, now=NOW)


def one_writer(made: Policy) -> Policy:
    return replace(made, evaluate_all_writers=False)


@given(drifts, events, record_lists(), policies, sources, st.randoms(use_true_random=False))
@settings(max_examples=250, deadline=None)
def test_the_order_of_records_events_and_sources_changes_not_one_byte(drift_, seen, records, made, feeds, random) -> None:
    feeds = [*feeds, source(name="second")]
    before = json.dumps(judge(drift_, seen, records, made, feeds).to_json())
    for items in (seen, records, feeds):
        random.shuffle(items)
    assert json.dumps(judge(drift_, seen, records, made, feeds).to_json()) == before


@given(drifts, events, record_lists(), policies)
@settings(max_examples=400, deadline=None)
def test_evidence_is_never_pooled_each_path_is_judged_as_by_its_best_record_alone(drift_, seen, records, made) -> None:
    """With many records a path comes out exactly as well as with the best one of them alone: no more and no less.

    Where R2 only warns, a record in scope is preferred to one that is not, whatever else is wrong with it (step 8).
    """
    assume(made.mode("R2") is not Mode.WARN)
    made = one_writer(made)
    together = judge(drift_, seen, records, made)
    alone = [judge(drift_, seen, [item], made) for item in records] or [judge(drift_, seen, [], made)]
    order = list(Verdict)
    for place, path in enumerate(together.paths):
        best = min((decision.paths[place].verdict for decision in alone), key=order.index)
        assert path.verdict is best


@given(drifts, events, record_lists(), policies, sources)
@settings(max_examples=250, deadline=None)
def test_taking_away_a_record_that_was_not_chosen_changes_no_verdict(drift_, seen, records, made, feeds) -> None:
    made = one_writer(made)
    before = judge(drift_, seen, records, made, feeds)
    chosen = {path.record for path in before.paths}
    for item in records:
        if item.id not in chosen:
            after = judge(drift_, seen, [other for other in records if other is not item], made, feeds)
            assert [path.verdict for path in after.paths] == [path.verdict for path in before.paths]
            assert [path.record for path in after.paths] == [path.record for path in before.paths]


@given(drifts, events, record_lists(), policies, sources)
@settings(max_examples=200, deadline=None)
def test_an_unrelated_record_changes_nothing_at_all(drift_, seen, records, made, feeds) -> None:
    unrelated = record(id="CHG-0-unrelated", scope=(Target(ids=("arn:aws:s3:::other",)), Target(resource_types=("AWS::S3::Bucket",))))
    assert judge(drift_, seen, [*records, unrelated], made, feeds) == judge(drift_, seen, records, made, feeds)


@given(drifts, events, record_lists(), policies, sources)
@settings(max_examples=400, deadline=None)
def test_an_authorised_path_has_a_record_in_which_every_enforced_rule_passes(drift_, seen, records, made, feeds) -> None:
    """For every writer that is judged; what is unknown only where the policy accepts that."""
    accepted = {RuleOutcome.PASS, RuleOutcome.NOT_APPLICABLE}
    if made.unknown_as is UnknownAs.PASS:
        accepted.add(RuleOutcome.UNKNOWN)
    decision = judge(drift_, seen, records, made, feeds)
    for path in decision.paths:
        if path.verdict not in COVERED:
            continue
        assert path.record in {item.id for item in records if item.type is ChangeType.NORMAL}
        writers = {result.event for item in path.considered for result in item.results}
        passed = {
            result.event
            for item in path.considered
            for result in item.results
            if all(other.outcome in accepted for other in item.results if made.mode(other.rule) is Mode.ENFORCE)
        }
        assert passed == writers


@given(drifts, events, record_lists(), policies, sources)
@settings(max_examples=200, deadline=None)
def test_every_judgement_is_explained_in_a_sentence_without_holes(drift_, seen, records, made, feeds) -> None:
    decision = judge(drift_, seen, records, made, feeds)
    results = [result for path in decision.paths for result in path.results]
    results += [result for path in decision.paths for item in path.considered for result in item.results]
    for result in results:
        text = result.explanation
        assert text[0].isupper() or text.startswith(PEOPLE)
        assert text.endswith(".")
        assert not any(hole in text for hole in ("None", "  ", "{", "}", " .", " ,", "by ,", "()"))
    assert decode(Decision, decision.to_json()) == decision


@given(drifts, record_lists(size=12), policies)
@settings(max_examples=300, deadline=None)
def test_the_index_finds_exactly_the_records_that_a_look_at_all_of_them_finds(drift_, records, made) -> None:
    found = CandidateIndex(records, made).candidates(drift_)
    expected = [(item.id, targets) for item in records if (targets := matching_targets(item, drift_, made))]
    assert [(item.record.id, item.targets) for item in found] == sorted(expected)
