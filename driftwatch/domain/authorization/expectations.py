"""Whether the new value is what a change record said it would be (rule R9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation

from driftwatch.domain import pointer
from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.glob import glob_matches
from driftwatch.domain.canonical import canonical_json, scalar_text
from driftwatch.domain.change import Expectation, Target
from driftwatch.domain.drift import Difference, Drift, Op
from driftwatch.domain.pointer import ABSENT, Absent
from driftwatch.domain.resource import Json


def unmet(target: Target, change: Difference, drift: Drift) -> list[str]:
    """What the target expects at or below the changed path and did not come true, in words. Empty: all of it is met."""
    return [
        f"{words.place(expectation.path)} is {_shown(found)}, expected {_wanted(expectation)}"
        for expectation, found in _found(target, change, drift)
        if not met(expectation, found)
    ]


def met(expectation: Expectation, found: Json | Absent) -> bool:
    """Whether a value is what is expected. What is not there meets nothing but `absent`; null is a value."""
    if expectation.absent or isinstance(found, Absent):
        return expectation.absent and isinstance(found, Absent)
    if expectation.equals_given:
        return _equal(expectation.equals, found)
    if expectation.one_of is not None:
        return any(_equal(item, found) for item in expectation.one_of)
    if expectation.matches is not None:
        return isinstance(found, str) and glob_matches(expectation.matches, found)
    number = _number(found)
    return (
        number is not None
        and (expectation.min is None or number >= Decimal(str(expectation.min)))
        and (expectation.max is None or number <= Decimal(str(expectation.max)))
    )


def expects(target: Target, change: Difference) -> tuple[tuple[Expectation, str], ...]:
    """The target's expectations at or below the changed path, each with its pointer from there."""
    at = pointer.split(change.path)
    paths = ((expectation, pointer.split(expectation.path)) for expectation in target.expected)
    return tuple((expectation, pointer.join(path[len(at) :])) for expectation, path in paths if path[: len(at)] == at)


def _found(target: Target, change: Difference, drift: Drift) -> Iterator[tuple[Expectation, Json | Absent]]:
    """Each of these expectations with what stands there now."""
    for expectation, below in expects(target, change):
        yield expectation, ABSENT if change.op is Op.REMOVE else pointer.resolve(_new_value(change, drift), below)


def _new_value(change: Difference, drift: Drift) -> Json:
    """The value after the change; that of a whole resource has its tags under Tags, as every pointer has."""
    if change.path == "" and isinstance(change.after, Mapping):
        return {"Tags": {pointer.quote(name): text for name, text in drift.tags_after.items()}, **change.after}
    return change.after


def _equal(expected: Json, found: Json) -> bool:
    """Equal as JSON: true is not 1, and 0.10 is the canonical "0.1". An unordered list of scalars is written as a list, in any order."""
    if isinstance(expected, list | tuple) and isinstance(found, Mapping):
        if any(isinstance(item, list | tuple | Mapping) for item in expected):
            return False
        expected = {pointer.quote(scalar_text(item)): item for item in expected}
    return canonical_json(expected) == canonical_json(found)


def _number(found: Json) -> Decimal | None:
    """A number, also where it stands in text, as canonical fractions and many services' numbers do."""
    if isinstance(found, bool) or not isinstance(found, int | str):
        return None
    try:
        number = Decimal(found)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _shown(found: Json | Absent) -> str:
    return "absent" if isinstance(found, Absent) else words.value(found)


def _wanted(expectation: Expectation) -> str:
    if expectation.absent:
        return "nothing there"
    if expectation.equals_given:
        return words.value(expectation.equals)
    if expectation.one_of is not None:
        return f"one of {words.value(list(expectation.one_of))}"
    if expectation.matches is not None:
        return f"text like {words.value(expectation.matches)}"
    bounds = [f"{word} {bound}" for word, bound in (("at least", expectation.min), ("at most", expectation.max)) if bound is not None]
    return f"a number of {words.listed(bounds)}"
