"""Every entry against replies in which every member of the SDK's models is filled: what each of them must do, whatever it describes.

The replies are made from the models, and what is expected of them by a naive second reading of the entry (`cut`, `turned`), which shares
no code with the product's normaliser.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import jmespath
import pytest

from driftwatch.aws.calls import CallFailed
from driftwatch.aws.catalog import load
from driftwatch.aws.embedded_yaml import read_yaml
from driftwatch.aws.entry import DetailCall, Entry, Kind, Paging, path_segments
from driftwatch.aws.paging import PageRule, page_rule
from driftwatch.aws.rows import values_at
from driftwatch.domain.normalize import Normaliser, fingerprint
from driftwatch.domain.resource import Json, Resource
from driftwatch.domain.snapshot import CellRead, GapReason
from tests.catalog.generated import SDK, Answers, Filler, GeneratedAws, alone, answers_for, document, read
from tests.fakes import TEST_KEY, FakeCaller

TYPES = list(load())
Steps = tuple[str | int, ...]


# --- a naive second reading of an entry's rules ------------------------------------------------------------------------------------------


def leaves(value: Json, at: Steps = ()) -> Iterator[Steps]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*at, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, (*at, number))
    else:
        yield at


def named(steps: Steps, paths: Any, *, below: bool = True) -> bool:
    """Whether one of the catalogue's paths names this place, or (with `below`) one above it."""
    plain = ["[]" if isinstance(step, int) else step for step in steps]
    for path in paths:
        rule = path_segments(path)
        fits = len(rule) <= len(plain) if below else len(rule) == len(plain)
        if fits and all(a in (b, "*") for a, b in zip(rule, plain, strict=False)):
            return True
    return False


def changed(value: Json, steps: Steps) -> Json:
    """The document with another value at one place."""
    made = copy.deepcopy(value)
    at = made
    for step in steps[:-1]:
        at = at[step]
    old = at[steps[-1]]
    at[steps[-1]] = (not old) if isinstance(old, bool) else old + 1 if isinstance(old, int) else f"{old}x"
    return made


def turned(value: Json, entry: Entry, at: Steps = ()) -> Json:
    """The document with every list turned round that no rule calls ordered."""
    if isinstance(value, dict):
        return {name: turned(item, entry, (*at, name)) for name, item in reversed(value.items())}
    if isinstance(value, list):
        elements = [turned(item, entry, (*at, number)) for number, item in enumerate(value)]
        return elements if named(at, entry.ordered, below=False) else elements[::-1]
    return value


@pytest.mark.parametrize("type_", TYPES)
def test_noise_and_order_are_no_change_and_everything_else_is_one(type_: str) -> None:
    """Everything that the entry drops moves at once, and all lists turn round: one fingerprint. Any other member moves alone: another."""
    entry = load()[type_]
    normaliser = Normaliser(entry.normalisation, TEST_KEY, yaml=read_yaml)

    def digest(value: Json) -> str:
        canonical = normaliser.normalise(value)
        return fingerprint(canonical.config, canonical.tags)

    whole = document(type_)
    first = digest(whole)
    noise = turned(whole, entry)
    for steps in leaves(noise):
        if named(steps, (*entry.drop, *entry.facts)):
            noise = changed(noise, steps)
    assert digest(noise) == first, "noise or order is taken for a change"
    seen: set[tuple[str, ...]] = set()
    for steps in leaves(whole):
        pattern = tuple("[]" if isinstance(step, int) else step for step in steps)
        if pattern in seen or named(steps, (*entry.drop, *entry.facts)) or in_tags(steps, entry):
            continue
        seen.add(pattern)
        assert digest(changed(whole, steps)) != first, f"a change of {steps} is not seen"
    assert seen or entry.drop, "the document has no member at all"


def in_tags(steps: Steps, entry: Entry) -> bool:
    """Whether the place is beside the key and value of a tag: services repeat the tagged resource there."""
    return bool(entry.tags) and named(steps, [entry.tags or ""]) and str(steps[-1]).lower() not in ("key", "value", "tagkey", "tagvalue")


# --- pages -------------------------------------------------------------------------------------------------------------------------------


class InPages(FakeCaller):
    """AWS that answers the listing page by page, by the very rule that follows its tokens."""

    def __init__(self, answers: Answers, entry: Entry, pages: list[dict[str, Any]], rule: PageRule) -> None:
        super().__init__(answers=answers)
        self._name = f"{entry.service}:{entry.list.op}"
        self._pages = pages
        self._rule = rule

    def pages(
        self, service: str, operation: str, params: Mapping[str, Any], region: str, paging: Paging | None
    ) -> Iterator[dict[str, Any]]:
        if f"{service}:{operation}" != self._name:
            yield from super().pages(service, operation, params, region, paging)
            return
        for page in self._pages:
            yield copy.deepcopy(page)
            if self._rule.next(page) is None:
                return


def rule_of(entry: Entry) -> PageRule:
    operation = SDK.operation(entry.service, entry.list.op)
    return page_rule(operation.paginator, operation.model, entry.list.paging)


PAGED = [entry.type for entry in load().values() if entry.kind is not Kind.SINGLETON and rule_of(entry).inputs]


@pytest.mark.parametrize("type_", PAGED)
def test_the_second_page_is_read_too(type_: str) -> None:
    """Of the listing itself: an item stands for its whole text here, and no further call is made."""
    catalog = alone(type_)
    entry = replace(catalog[type_], detail=(), id=("to_string(@)",), arn=None, label=None, tags=None, drop=(), facts=(), secret={})
    rule = rule_of(entry)
    first, other = GeneratedAws(entry, SDK), Filler(elements=3, type_=type_)
    for _ in range(10_000):
        other.word()  # its words are others than the first page's
    second = other.filled(SDK.operation(entry.service, entry.list.op).model.output_shape)
    for output in (*rule.outputs, *([rule.more] if rule.more else [])):
        _cleared(second, output)
    assert rule.next(second) is None
    pages = [first.answers()[f"{entry.service}:{entry.list.op}"]({}, ""), second]
    resources, end = read({**catalog, type_: entry}, type_, InPages(answers_for(catalog), entry, pages, rule))
    listed = [jmespath.search(entry.list.items, page) or () for page in pages]
    assert all(listed)
    assert end.complete, end.gaps
    assert len(resources) == sum(map(len, listed))


def _cleared(page: dict[str, Any], output: str) -> None:
    """Takes what an expression of a paginator finds out of the page: the member at its end."""
    *above, last = output.split(".") if output.replace(".", "").isalnum() else [output.split(".", maxsplit=1)[0].split(" ", maxsplit=1)[0]]
    at = page
    for name in above:
        at = at[name]
    if isinstance(at.get(last), bool):
        at[last] = False
    else:
        at.pop(last, None)


# --- refusals ----------------------------------------------------------------------------------------------------------------------------


def refused(operation: str, code: str = "AccessDeniedException", reason: GapReason = GapReason.DENIED) -> CallFailed:
    return CallFailed(reason, operation=operation, code=code, detail="it is refused")


@pytest.mark.parametrize("type_", TYPES)
def test_a_refused_listing_is_a_gap_and_never_an_empty_cell(type_: str) -> None:
    catalog = alone(type_)
    entry = catalog[type_]
    name = f"{entry.service}:{entry.list.op}"
    resources, end = read(catalog, type_, {**answers_for(catalog), name: lambda _params, _region: refused(name)})
    assert not resources
    assert not end.complete
    assert {gap.reason for gap in end.gaps} == {GapReason.DENIED}


DETAILS = [(entry.type, number) for entry in load().values() for number, _ in enumerate(entry.detail)]


@pytest.mark.parametrize(("type_", "number"), DETAILS)
def test_a_refused_detail_is_a_gap(type_: str, number: int) -> None:
    gaps = _without(type_, number, "AccessDeniedException", GapReason.DENIED)[1].gaps
    assert {gap.reason for gap in gaps} == {GapReason.DENIED}


ABSENT = [(entry.type, number) for entry in load().values() for number, detail in enumerate(entry.detail) if detail.absent or detail.off]


@pytest.mark.parametrize(("type_", "number"), ABSENT)
def test_an_absent_detail_leaves_the_resource_whole(type_: str, number: int) -> None:
    detail = load()[type_].detail[number]
    for code in (*detail.absent, *detail.off):
        resources, end = _without(type_, number, code, GapReason.ERROR)
        assert end.complete, end.gaps
        assert resources
        if detail.into not in ("@", "+") and _is_filled_by_it_alone(detail, load()[type_]):
            assert not any(list(values_at(detail.into, one.config)) for one in resources)


def _is_filled_by_it_alone(detail: DetailCall, entry: Entry) -> bool:
    item = GeneratedAws(entry, SDK).answers()[f"{entry.service}:{entry.list.op}"]({}, "")
    first = jmespath.search(entry.list.items, item)
    first = first[0] if isinstance(first, list) else first
    others = any(other.into in ("@", "+") for other in entry.detail)
    return not others and not (isinstance(first, dict) and detail.into in first)


def _without(type_: str, number: int, code: str, reason: GapReason) -> tuple[list[Resource], CellRead]:
    """A reading in which one detail's call is answered by an error."""
    catalog = alone(type_)
    detail = catalog[type_].detail[number]
    name = f"{catalog[type_].service}:{detail.op}"
    word, _, message = code.partition(": ")
    failed = CallFailed(reason, operation=name, code=word, detail=message or "it is refused", message=message)
    return read(catalog, type_, {**answers_for(catalog), name: lambda _params, _region: failed})


# --- settling and facts ------------------------------------------------------------------------------------------------------------------

SETTLING = [entry.type for entry in load().values() if entry.settling]


@pytest.mark.parametrize("type_", SETTLING)
def test_a_resource_that_has_not_settled_is_a_gap(type_: str) -> None:
    """Each of the states in which the service still works on it; as soon as it is over, the resource is read."""
    catalog = alone(type_)
    answers = answers_for(catalog)
    for path, values in load()[type_].settling.items():
        found = next(iter(_values(catalog, type_, answers, path)), None)
        assert found is not None, f"nothing stands at {path}"
        entry = replace(catalog[type_], settling={path: values if not values else (str(found),)})
        resources, end = read({**catalog, type_: entry}, type_, answers)
        assert {gap.reason for gap in end.gaps} == {GapReason.SETTLING}
        assert not resources
        over = replace(entry, settling={path: ("no such state",)})
        assert read({**catalog, type_: over}, type_, answers)[0]


def _values(catalog: Mapping[str, Entry], type_: str, answers: Answers, path: str) -> list[Any]:
    bare = replace(catalog[type_], tags=None, drop=(), facts=(), sets={}, ordered=(), lift={}, json={}, lower=(), secret={})
    resources, _ = read({**catalog, type_: bare}, type_, answers)
    return [value for one in resources for value in values_at(path, one.config)]


@pytest.mark.parametrize("type_", [entry.type for entry in load().values() if entry.facts])
def test_facts_stand_beside_the_configuration(type_: str) -> None:
    catalog = alone(type_)
    resources, _ = read(catalog, type_, answers_for(catalog))
    whole = document(type_)
    for one in resources:
        assert set(one.facts) == {path for path in load()[type_].facts if list(values_at(path, whole))}, "a fact is missing"
        assert not any(list(values_at(path, one.config)) for path in one.facts)
