"""Whereabouts: which watched cells and stored resources a logged call means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from driftwatch.domain.activity import Activity, Touched
from driftwatch.domain.freshness import NOT_CONFIGURED
from driftwatch.domain.resource import GLOBAL, Cell, Scope
from driftwatch.domain.snapshot import Stored
from driftwatch.operations.attribution import FOUND_ANYWHERE
from driftwatch.ports import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a call names: the watched cells that it may lie in, and the resources there (or the last that were) by that name."""

    touched: Touched
    cells: tuple[Cell, ...]
    resources: tuple[tuple[Cell, Stored], ...] = ()


def find(uow: UnitOfWork, activity: Activity) -> list[Found]:
    """One for each resource that the call names, in its order."""
    return [_find(uow, activity, touched) for touched in activity.resources]


def _find(uow: UnitOfWork, activity: Activity, touched: Touched) -> Found:
    here = list(uow.observations.named(activity.account, touched.type, touched.ids, (activity.region, GLOBAL)))
    if not here:
        elsewhere = uow.observations.named(activity.account, touched.type, touched.ids)
        here = [(cell, stored) for cell, stored in elsewhere if _here(touched, stored)]
    exact = [(cell, stored) for cell, stored in here if stored.id in touched.ids or stored.arn in touched.ids]
    named = exact or (here if len(here) == 1 else [])  # a label that several have names none of them
    cells = tuple(dict.fromkeys(cell for cell, _ in named if watched(uow, cell)))
    if cells:
        return Found(touched=touched, cells=cells, resources=tuple(item for item in named if item[0] in cells))
    return Found(touched=touched, cells=tuple(cell for cell in candidates(activity, touched.type) if watched(uow, cell)))


def _here(touched: Touched, stored: Stored) -> bool:
    """A name alone means a resource of the region that the call worked in; an ARN says its region itself, a bucket has one in the world."""
    return stored.arn in touched.ids or touched.type in FOUND_ANYWHERE


def candidates(activity: Activity, type_: str) -> Iterable[Cell]:
    """The cells that a resource of the type may lie in: of the region that the call worked in, or of the account as a whole."""
    partition = partition_of(activity.region)
    for region in (activity.region, GLOBAL):
        yield Cell(scope=Scope(partition=partition, account=activity.account, region=region), type=type_)


def partition_of(region: str) -> str:
    """The AWS partition of a region, by its name's beginning."""
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def watched(uow: UnitOfWork, cell: Cell) -> bool:
    """Whether scans read this cell."""
    status = uow.cells.get(cell)
    return status is not None and status.reason != NOT_CONFIGURED


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What some calls ask for: resources to be read anew, by cell and id (or by the names that the call gave, where nothing is known of
    it yet), and those that were read since, so that only their findings have to be judged again."""

    reread: Mapping[Cell, set[str]]
    judge: Mapping[Cell, set[str]]


def work(uow: UnitOfWork, activities: Sequence[Activity], per_service: int) -> tuple[Work, list[Activity]]:
    """What these calls ask for, and those that have to wait, since `per_service` resources of one service, account and region are asked
    for already."""
    reread: dict[Cell, set[str]] = {}
    judge: dict[Cell, set[str]] = {}
    asked: Counter[tuple[str, str, str]] = Counter()
    left: list[Activity] = []
    for activity in activities:
        wanted = _wanted(uow, activity)
        places = {_place(cell) for cell, _, fresh in wanted if not fresh}
        if any(asked[place] >= per_service for place in places):
            left.append(activity)
            continue
        for cell, ids, fresh in wanted:
            known = (judge if fresh else reread).setdefault(cell, set())
            if not fresh:
                asked[_place(cell)] += len(ids - known)
            known |= ids
    return Work(reread=reread, judge=judge), left


def _wanted(uow: UnitOfWork, activity: Activity) -> list[tuple[Cell, set[str], bool]]:
    """Cell, ids, and whether they were read completely since the call."""
    if not activity.is_config_change:
        return []
    wanted: list[tuple[Cell, set[str], bool]] = []
    for found in find(uow, activity):
        if found.touched.paths == ():
            continue
        for cell in found.cells:
            ids = {stored.id for where, stored in found.resources if where == cell} or set(found.touched.ids)
            status = uow.cells.get(cell)
            complete = status.complete_started_at if status else None
            wanted.append((cell, ids, complete is not None and complete > activity.time))
    return wanted


def _place(cell: Cell) -> tuple[str, str, str]:
    return cell.account, cell.region, cell.type.split("::")[1]
