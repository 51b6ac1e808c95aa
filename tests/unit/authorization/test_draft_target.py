"""The target drafted from a drift: it covers exactly that drift, and nothing beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from driftwatch.documents.drafts import draft, draft_document
from driftwatch.documents.targets import target_document
from driftwatch.domain.authorization.decide import decide
from driftwatch.domain.authorization.draft import target_for
from driftwatch.domain.authorization.matching import covers, names_resource
from driftwatch.domain.change import ChangeRecord, Target
from driftwatch.domain.decision import RuleOutcome
from driftwatch.domain.drift import Difference, Drift, DriftKind, Op
from driftwatch.domain.normalize import SECRET_MARK
from driftwatch.domain.pointer import join, key_segment, quote, split
from driftwatch.errors import RefusedError
from tests.builders import GROUP, at, difference, drift, policy, record, source

SCALEUP = policy("scaleup")
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp", "Zs")), max_size=8)
SEGMENTS = st.one_of(
    TEXT.map(quote),
    st.lists(TEXT, min_size=1, max_size=3).map(key_segment),
    st.sampled_from([quote("**"), quote("*"), quote("?"), quote("100%"), "a~b", "10.0.0.0/16", "Tags", ""]),
)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map(join)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(10**30), 10**30), TEXT, TEXT.map(lambda text: SECRET_MARK + text))
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT.map(quote), inner, max_size=3)), max_leaves=6
)
NAMES = st.text(st.sampled_from("abc-/:.*?[]|%"), min_size=1, max_size=12)


def below(path: str, other: str) -> bool:
    return split(path)[: len(split(other))] == split(other)


@st.composite
def drifts(draw: st.DrawFn, kinds: tuple[DriftKind, ...] = tuple(DriftKind)) -> Drift:
    kind = draw(st.sampled_from(kinds))
    tags = draw(st.dictionaries(TEXT, TEXT, max_size=2))
    common: dict[str, Any] = {
        "kind": kind,
        "resource_id": f"arn:aws:ec2:eu-west-1:111111111111:thing/{draw(NAMES)}",
        "resource": draw(NAMES),
        "tags_before": tags,
        "tags_after": tags,
    }
    if kind in (DriftKind.CREATED, DriftKind.DELETED):
        document = draw(st.dictionaries(TEXT.map(quote), VALUES, max_size=3))
        document["Tags"] = {quote(name): value for name, value in tags.items()}
        op, before, after = (Op.ADD, None, document) if kind is DriftKind.CREATED else (Op.REMOVE, document, None)
        return drift(Difference(path="", op=op, before=before, after=after), **common)
    changes = []
    paths = draw(st.sets(PATHS, min_size=1, max_size=4))
    for path in sorted(path for path in paths if not any(below(path, other) for other in paths - {path})):
        op = draw(st.sampled_from(list(Op)))
        changes.append(Difference(path=path, op=op, after=None if op is Op.REMOVE else draw(VALUES)))
    return drift(*changes, **common)


def target_of(found: Drift) -> Target:
    try:
        return target_for(found)
    except RefusedError:
        assume(False)
        raise


def covered(target: Target, found: Drift, path: str) -> bool:
    return names_resource(target, found, SCALEUP) and covers(target, path, found, SCALEUP)


@given(drifts())
def test_it_covers_every_path_of_its_drift_and_expects_what_is_there(found: Drift) -> None:
    """R2 and R9 pass for every changed path."""
    target = target_of(found)
    assert all(covered(target, found, change.path) for change in found.changes)
    permit = record(scope=(target,))
    decision = decide(found, events=[], records=[permit], sources=[source()], policy=SCALEUP, now=at("03-10 12:00"))
    for path in decision.paths:
        assert [item.record for item in path.considered] == ["CHG-1"], "the record names the resource (R1)"
        outcomes = {result.rule: result.outcome for item in path.considered for result in item.results}
        assert outcomes.get("R2", RuleOutcome.PASS) is RuleOutcome.PASS
        assert outcomes["R9"] in (RuleOutcome.PASS, RuleOutcome.NOT_APPLICABLE), outcomes


@given(drifts(), PATHS)
def test_it_covers_no_path_that_is_neither_changed_nor_below_one_that_is(found: Drift, other: str) -> None:
    target = target_of(found)
    assume(not any(below(other, change.path) for change in found.changes))
    assert not covered(target, found, other)
    assert not covered(target, found, ""), "an update of some paths is not the whole resource"


@given(drifts((DriftKind.UPDATED,)), st.data())
def test_it_covers_no_sibling_of_a_changed_path(found: Drift, data: st.DataObject) -> None:
    target = target_of(found)
    path = split(data.draw(st.sampled_from([change.path for change in found.changes])))
    sibling = join((*path[:-1], data.draw(SEGMENTS)))
    assume(not any(below(sibling, change.path) for change in found.changes))
    assert not covered(target, found, sibling)


@given(drifts(), NAMES, st.sampled_from(["resource_id", "account", "region", "resource_type"]))
def test_it_covers_no_other_resource(found: Drift, name: str, field: str) -> None:
    target = target_of(found)
    changed = (
        {"resource_id": f"arn:aws:ec2:eu-west-1:111111111111:thing/{name}", "resource": name} if field == "resource_id" else {field: name}
    )
    other = replace(found, **changed)
    assume(other.resource_id != found.resource_id or field != "resource_id")
    assume(other != found)
    if target.ids == (found.resource,):  # an id without a colon is compared with the id and the label
        assume(other.resource != found.resource)
    assert not any(covered(target, other, change.path) for change in found.changes)


@given(drifts(), st.sampled_from([DriftKind.CREATED, DriftKind.UPDATED, DriftKind.DELETED]))
def test_it_covers_no_other_operation(found: Drift, kind: DriftKind) -> None:
    assume(kind is not found.kind)
    assume(not (found.kind is DriftKind.TRANSIENT and kind is DriftKind.UPDATED))
    other = replace(found, kind=kind)
    assert not any(covers(target_of(found), change.path, other, SCALEUP) for change in found.changes)


@given(drifts())
def test_it_expects_no_hidden_value_and_can_be_written_as_a_record(found: Drift) -> None:
    """What is drafted is a record like any other: it reads back as the same target."""
    target = target_of(found)
    assert SECRET_MARK not in str(target.expected)
    document = {"id": "CHG-1", "title": "t", "scope": [target_document(target)]}
    made: ChangeRecord = draft(document, "the finding", at("03-10 12:00"))
    assert made.scope == (target,)
    assert draft(draft_document(made), "again", at("03-10 12:00")).scope == (target,)


def test_a_value_that_changed_since_is_not_covered() -> None:
    """Whoever changes the same path again does so without this record."""
    target = target_for(drift(difference(after="10.1.0.0/16")))
    later = drift(difference(after="0.0.0.0/0"))
    decision = decide(later, events=[], records=[record(scope=(target,))], sources=[source()], policy=SCALEUP, now=at("03-10 12:00"))
    assert "R9" in {result.rule for result in decision.violations}


@pytest.mark.parametrize(
    ("arn", "id_", "expected"), [(GROUP, "sg-0a1", GROUP), ("arn:aws:x:::*", "web", "web"), ("arn:aws:x:::a?", "b*", "b*")]
)
def test_an_arn_with_wildcards_gives_way_to_the_plain_id(arn: str, id_: str, expected: str) -> None:
    """Without a colon an id is compared as it is, wildcards included."""
    assert target_for(drift(resource_id=arn, resource=id_)).ids == (expected,)


def test_a_resource_that_no_pattern_names_alone_is_refused() -> None:
    with pytest.raises(RefusedError, match="nothing names it alone"):
        target_for(drift(resource_id="arn:aws:x:::a*", resource="arn:aws:x:::a*"))


def test_a_secret_leaves_its_path_covered_and_its_value_open() -> None:
    hidden = SECRET_MARK + "0" * 64
    target = target_for(drift(difference(path="/Environment", after={"Variables": {"TOKEN": hidden, "LEVEL": "debug"}})))
    assert target.attribute_paths == ("/Environment",)
    assert [(item.path, item.equals) for item in target.expected] == [("/Environment/Variables/LEVEL", "debug")]


def test_a_new_resource_of_a_type_without_tags_is_covered_as_it_is() -> None:
    found = drift(Difference(path="", op=Op.ADD, after={"Name": "a", "Size": 1}), kind=DriftKind.CREATED, tags_before={}, tags_after={})
    target = target_for(found)
    decision = decide(found, events=[], records=[record(scope=(target,))], sources=[source()], policy=SCALEUP, now=at("03-10 12:00"))
    assert not {"R1", "R2", "R9"} & {result.rule for result in decision.violations}
    assert [item.path for item in target.expected] == ["/Name", "/Size"]
