"""Attribution: which logged calls explain a drift, by whom, and why each other one does not.

Pure. What is known by which name, and which calls name it, is looked up by `operations.attribution`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from driftwatch.domain import pointer
from driftwatch.domain.activity import ActorEvent
from driftwatch.domain.drift import Difference, Drift, Interval
from driftwatch.domain.resource import Cell, Json

_SAME_NAMES: Final = ("AWS::EC2::",)
"""Services in which two resources of one type may have the same label: it names neither."""
PARTS: Final = "|"
"""Between the parts of an id that holds its parent's."""
_ASSOCIATION: Final = "assoc-"
"""In the ids of what ties two resources together (``rtbassoc-``, ``aclassoc-``): some calls name nothing else."""


class WhyNot(StrEnum):
    """Why a logged call does not explain a difference."""

    FAILED = "failed"
    READ_ONLY = "read_only"
    BEFORE = "before"
    """It was made before the old state was last seen."""
    AFTER = "after"
    """It was made after the new state was seen, or is not there yet at the time of the decision."""
    OTHER_PATHS = "other_paths"
    """Its operation cannot touch the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A logged call that names the resource: which of the drift's paths it may have written, which of them it wrote last, or why none."""

    event: ActorEvent
    wrote: tuple[str, ...] = ()
    last_of: tuple[str, ...] = ()
    why_not: WhyNot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Who made a drift, as far as the log tells: every call that names the resource (oldest first), and the paths that nobody explains."""

    calls: tuple[Weighed, ...] = ()
    unattributed: tuple[str, ...] = ()

    @property
    def writers(self) -> tuple[Weighed, ...]:
        """The calls that explain a path."""
        return tuple(call for call in self.calls if call.wrote)


def attribute(drift: Drift, events: Iterable[ActorEvent], *, tolerance: timedelta, now: datetime) -> Attribution:
    """Weighs every event against every difference. Of several that may have written a path, the latest (then by id) is its last writer."""
    ordered = sorted(events, key=lambda event: (event.time, event.id))
    paths = [(change.path, change.interval or drift.interval) for change in drift.changes]
    reasons = [[why_not(event, path, interval, tolerance, now) for path, interval in paths] for event in ordered]
    last = {path: index for index, row in enumerate(reasons) for (path, _), reason in zip(paths, row, strict=True) if reason is None}
    return Attribution(
        calls=tuple(_weighed(index, event, [path for path, _ in paths], reasons[index], last) for index, event in enumerate(ordered)),
        unattributed=tuple(path for path, _ in paths if path not in last),
    )


def _weighed(index: int, event: ActorEvent, paths: Sequence[str], reasons: Sequence[WhyNot | None], last: dict[str, int]) -> Weighed:
    wrote = tuple(path for path, reason in zip(paths, reasons, strict=True) if reason is None)
    nearest = WhyNot.OTHER_PATHS if WhyNot.OTHER_PATHS in reasons else next(iter(reasons), None)
    return Weighed(
        event=event,
        wrote=wrote,
        last_of=tuple(path for path in wrote if last[path] == index),
        why_not=None if wrote else nearest,
    )


def why_not(event: ActorEvent, path: str, interval: Interval, tolerance: timedelta, now: datetime) -> WhyNot | None:
    """Why a call cannot have written `path` in the interval, which `tolerance` widens on both sides; None where it can have
    (authorisation specification, section 5, step 2)."""
    if event.failed:
        return WhyNot.FAILED
    if event.read_only:
        return WhyNot.READ_ONLY
    if interval.last_good is not None and event.time < interval.last_good - tolerance:
        return WhyNot.BEFORE
    if event.time > min(interval.detected + tolerance, now):
        return WhyNot.AFTER
    if event.paths is not None and not any(_overlap(written, path) for written in event.paths):
        return WhyNot.OTHER_PATHS
    return None


def _overlap(one: str, other: str) -> bool:
    """Whether one path is the other or an ancestor of it."""
    return all(left == right for left, right in zip(pointer.split(one), pointer.split(other), strict=False))


def names_of(cell: Cell, id_: str, arn: str | None, label: str | None) -> frozenset[str]:
    """The names by which a logged call may mean a resource: its id, its ARN, the last part of the ARN, and its label where that is its
    alone."""
    names = {id_, *([arn] if arn else [])}
    if arn and PARTS not in id_:  # the end of a child's ARN names it among its parent's children only
        names |= {arn.rpartition("/")[2], arn.rpartition(":")[2]}
    if label and not cell.type.startswith(_SAME_NAMES):
        names.add(label)
    return frozenset(name for name in names if name)


def names_in(changes: Iterable[Difference]) -> frozenset[str]:
    """The ids of associations in the values that changed: `DisassociateRouteTable` names the association, and no route table."""
    return frozenset(text for change in changes for value in (change.before, change.after) for text in _texts(value) if _is_tie(text))


def _is_tie(text: str) -> bool:
    head, found, tail = text.partition(_ASSOCIATION)
    return bool(found) and head.isalpha() and tail.isalnum()


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
