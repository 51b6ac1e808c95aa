"""R9: where a record says what the new value is to be, it has to be that."""

from __future__ import annotations

import time

import pytest

from driftwatch.domain.authorization.decide import decide
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.change import Expectation, Target
from driftwatch.domain.decision import RuleOutcome, RuleResult
from driftwatch.domain.drift import DriftKind, Op
from tests.builders import CIDR, at, difference, drift, event, policy, record, source, target

PASS, FAIL, NOT_APPLICABLE = RuleOutcome.PASS, RuleOutcome.FAIL, RuleOutcome.NOT_APPLICABLE


def r9(*scope: Target, change=None, events=(), made: Policy | None = None, **drift_fields) -> list[RuleResult]:
    judged = decide(
        drift(change or difference(), **drift_fields),
        events=events,
        records=[record(scope=scope)],
        sources=[source()],
        policy=made or policy("scaleup"),
        now=at("03-10 12:00"),
    )
    results = [result for item in judged.paths[0].considered for result in item.results if result.rule == "R9"]
    return sorted(results, key=lambda result: result.event or "")


def outcome(expectation: Expectation, value: object, op: Op = Op.REPLACE) -> RuleOutcome:
    [result] = r9(target(expected=(expectation,)), change=difference(op=op, after=value))
    return result.outcome


def equals(value: object, path: str = CIDR) -> Expectation:
    return Expectation(path=path, equals=value, equals_given=True)


@pytest.mark.parametrize(
    ("expectation", "good", "bad"),
    [
        (equals("a"), "a", "A"),
        (equals(True), True, 1),
        (equals(0), 0, False),
        (equals(None), None, ""),
        (equals(0.1), "0.1", "0.10"),
        (equals({"b": 1, "a": [2]}), {"a": [2], "b": 1}, {"a": [2]}),
        (equals(["sg-2", "sg-1"]), {"sg-1": "sg-1", "sg-2": "sg-2"}, {"sg-1": "sg-1"}),
        (equals(["a*"]), {"a%2A": "a*"}, {"a": "a*"}),
        (equals([1, 2]), [1, 2], [2, 1]),
        (Expectation(path=CIDR, one_of=("aws:kms", "AES256")), "AES256", "aes256"),
        (Expectation(path=CIDR, one_of=()), None, "anything"),
        (Expectation(path=CIDR, matches="10.*/1?"), "10.1.0.0/16", "x10.1.0.0/16"),
        (Expectation(path=CIDR, matches="10.*"), "10.", "110."),
        (Expectation(path=CIDR, matches="[ab]"), "[ab]", "a"),
        (Expectation(path=CIDR, matches="5"), "5", 5),
        (Expectation(path=CIDR, min=3), 3, 2),
        (Expectation(path=CIDR, max=3), 3, 4),
        (Expectation(path=CIDR, min=1, max=3), "2.5", "3.1"),
        (Expectation(path=CIDR, min=0), "0", True),
        (Expectation(path=CIDR, min=0), 10**30, "NaN"),
        (Expectation(path=CIDR, min=0), 7, "Infinity"),
        (Expectation(path=CIDR, min=0), 7, None),
        (Expectation(path=CIDR, min=0), 7, [7]),
    ],
)
def test_a_value_is_compared_as_json_text_or_number_exactly(expectation: Expectation, good: object, bad: object) -> None:
    if expectation.one_of != ():
        assert outcome(expectation, good) is PASS
    assert outcome(expectation, bad) is FAIL


def test_what_was_removed_meets_nothing_but_absence() -> None:
    assert outcome(Expectation(path=CIDR, absent=True), None, Op.REMOVE) is PASS
    assert outcome(Expectation(path=CIDR, absent=True), None) is FAIL
    assert outcome(equals(None), None, Op.REMOVE) is FAIL
    assert outcome(Expectation(path=CIDR, max=3), None, Op.REMOVE) is FAIL


class TestWhichExpectations:
    def test_those_at_or_below_the_path_others_are_no_matter_of_this_change(self) -> None:
        nested = difference("/Encryption", before={}, after={"Algorithm": "AES256"})
        below = target(attribute_paths=None, expected=(equals("aws:kms", "/Encryption/Algorithm"),))
        assert r9(below, change=nested)[0].outcome is FAIL
        beside = target(attribute_paths=None, expected=(equals("x", "/EncryptionMode"), equals("x", "/Enc"), equals("x", "")))
        assert r9(beside, change=nested)[0].outcome is PASS

    def test_one_covering_target_with_all_its_expectations_met_is_enough(self) -> None:
        met, missed = target(expected=(equals("10.1.0.0/16"),)), target(expected=(equals("x"),))
        assert r9(missed, met)[0].outcome is PASS
        assert r9(missed, missed)[0].outcome is FAIL
        half = target(expected=(equals("10.1.0.0/16"), Expectation(path=CIDR, matches="x")))
        assert r9(half)[0].outcome is FAIL

    def test_a_target_that_does_not_cover_the_path_cannot_meet_it(self) -> None:
        elsewhere = target(attribute_paths=("/Description",))
        assert r9(elsewhere, target(expected=(equals("x"),)))[0].outcome is FAIL

    def test_a_created_resource_is_looked_into_tags_included(self) -> None:
        created = {"kind": DriftKind.CREATED, "tags_before": {}, "tags_after": {"app": "web", "owner*": "ana"}}
        whole = difference("", Op.ADD, before=None, after={"Engine": {"Version": "16"}})
        tagged = target(attribute_paths=None, expected=(equals("web", "/Tags/app"), equals("ana", "/Tags/owner%2A")))
        assert r9(tagged, change=whole, **created)[0].outcome is PASS
        absent = target(attribute_paths=None, expected=(Expectation(path="/Engine/Version/Minor", absent=True),))
        assert r9(absent, change=whole, **created)[0].outcome is PASS


def test_only_the_last_writer_is_asked_for_the_value() -> None:
    writers = (event("03-10 10:10", id="ev-1"), event("03-10 10:20", id="ev-2"))
    results = r9(target(expected=(equals("x"),)), events=writers, made=policy("enterprise"))
    assert [(result.event, result.outcome) for result in results] == [("ev-1", NOT_APPLICABLE), ("ev-2", FAIL)]


def test_the_explanation_shows_value_and_expectation() -> None:
    [result] = r9(target(expected=(Expectation(path=CIDR, min=1, max=5),)), change=difference(after=9))
    assert result.explanation == (
        "The new value is not what the record says: /IngressRules/sgr-01/CidrIpv4 is 9, expected a number of at least 1 and at most 5; it "
        "would have passed with the value that it names, or an expectation that this value meets."
    )
    worse, better = target(expected=(equals("x"), Expectation(path=CIDR, matches="y*"))), target(expected=(equals("z"),))
    for scope in ((worse, better), (better, worse)):
        [result] = r9(*scope)
        assert 'expected "z"' in result.explanation  # the target that is nearest to being met
        assert 'expected "x"' not in result.explanation
    [result] = r9(target(expected=(equals("x"),)), change=difference(after="y" * 5000))
    assert len(result.explanation) < 400
    assert "(5002 characters)" in result.explanation


def test_no_pattern_of_a_ticket_can_stall_a_decision() -> None:
    began = time.perf_counter()
    assert outcome(Expectation(path=CIDR, matches="a*" * 200 + "b"), "a" * 5000) is FAIL
    assert outcome(Expectation(path=CIDR, matches="?*a" * 60 + "b"), "a" * 5000) is FAIL
    assert time.perf_counter() - began < 5
