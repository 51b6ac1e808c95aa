"""rescan: the resources that logged calls name are read anew by themselves, stored, and judged like any scan.

What a newer reading saw is never overwritten by an older one (`Observations.put` with `read_at`), so that a scan may run beside this.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.baseline import BaselineCell, baseline_of
from driftwatch.domain.report import Report, silent
from driftwatch.domain.request import Lease
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import CellStatus, Reread
from driftwatch.domain.snapshot import GapReason
from driftwatch.operations import changes
from driftwatch.operations.cells import EXACT, Layout
from driftwatch.operations.decisions import Evidence, evidence
from driftwatch.operations.installation import Installation
from driftwatch.operations.judge import Judge
from driftwatch.operations.shapes import layout_of
from driftwatch.ports import UnitOfWork

AT_ONCE: Final = 8
"""Cells that are reread at the same time."""
IDS_AT_ONCE: Final = 200
"""More resources of one cell than this are read by a scan of the cell."""
SYNC_EVERY: Final = timedelta(seconds=1)
"""Change sources are read again before every judgement, which waits where it would be more often than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round of rescans did. `whole` are the cells that a scan has to read; `read_at` tells for each reread resource, by cell and
    id, when its reading began; `settling` the cells with a resource that is still changing."""

    resources: int = 0
    calls: int = 0
    whole: tuple[Cell, ...] = ()
    settling: tuple[Cell, ...] = ()
    read_at: Mapping[tuple[Cell, str], datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """One cell of a round, as it is known before."""

    cell: Cell
    ids: tuple[str, ...]
    status: CellStatus
    baseline: str | None
    part: BaselineCell | None
    layout: Layout

    @property
    def reshapes(self) -> bool:
        """Whether what is stored of the cell was made under another shape: one resource of it cannot change that alone."""
        return self.layout.coming is not None or self.status.shape not in (None, self.layout.shape)


class Rescanner:
    """Rereads resources for one process. `lease` gives the lease that its writes are made under; `sleep` waits so many seconds. Not shared
    between threads.
    """

    def __init__(
        self,
        installation: Installation,
        lease: Callable[[], Lease | None] = lambda: None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._installation = installation
        self._lease = lease
        self._sleep = sleep
        self._evidence: Evidence | None = None
        self._synced_at: datetime | None = None

    @property
    def evidence(self) -> Evidence:
        """What decisions rest on, as last read: after the resources of the last round."""
        if self._evidence is None:
            self._evidence = evidence(self._installation)
        return self._evidence

    def rest_s(self) -> float:
        """Seconds until a round may begin without having to wait for its change sources: whoever waits them out has more in one round."""
        if self._synced_at is None:
            return 0.0
        return max(0.0, (min(self._synced_at + SYNC_EVERY - self._installation.clock(), SYNC_EVERY)).total_seconds())

    def run(
        self,
        wanted: Mapping[Cell, Collection[str]],
        stopped: Callable[[], bool] = lambda: False,
        report: Report = silent,
        *,
        judge_also: Mapping[Cell, Collection[str]] | None = None,
    ) -> Round:
        """One round. A cell whose type has no call for one resource, or that has too many of them, is left to a scan, and named.

        `judge_also` are resources that need no reading: calls that are known by now may explain their findings.
        """
        known = [target for cell, ids in sorted(wanted.items()) if (target := self._target(cell, ids))]
        whole = [target.cell for target in known if len(target.ids) > IDS_AT_ONCE or target.reshapes]
        targets = [target for target in known if target.cell not in whole]
        done: list[tuple[_Target, Reread]] = []
        for target, reread in self._read(targets, stopped):
            if reread is None:
                whole.append(target.cell)
                continue
            done.append((target, reread))
            if not reread.resources and not self._known(target):
                whole.append(target.cell)  # none of the names that the call gave is an id of the catalogue's
        off = [target for target, reread in done if self._store(target, reread)]
        late = [target for cell, ids in sorted((judge_also or {}).items()) if (target := self._target(cell, ids)) and self._live(target)]
        if wanted or judge_also:  # whoever asked decides on this evidence what became of the calls, be there a finding by now or not
            self._renew_evidence(report)
        self._judge([*off, *late], report)
        return Round(
            resources=sum(len(reread.resources) + len(reread.absent) for _, reread in done),
            calls=sum(reread.calls for _, reread in done),
            whole=tuple(dict.fromkeys(whole)),
            settling=tuple(target.cell for target, reread in done if any(gap.reason is GapReason.SETTLING for gap in reread.gaps)),
            read_at=dict(_read_at(done)),
        )

    def _target(self, cell: Cell, ids: Collection[str]) -> _Target | None:
        name = baseline_of(cell, self._installation.baselines)
        with self._installation.store.read() as uow:
            status = uow.cells.get(cell)
            part = uow.baselines.part(name, cell) if name else None
        if status is None:
            return None
        layout = layout_of(self._installation, cell, part)
        if not layout.usable:
            return None
        return _Target(cell=cell, ids=tuple(sorted(ids)), status=status, baseline=name, part=part, layout=layout)

    def _read(self, targets: list[_Target], stopped: Callable[[], bool]) -> Iterator[tuple[_Target, Reread | None]]:
        def read(target: _Target) -> Reread | None:
            return self._installation.collector.reread(target.cell, target.ids, None, stopped)

        if len(targets) == 1:
            yield targets[0], read(targets[0])
            return
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="driftwatch-reread") as pool:
            yield from zip(targets, pool.map(read, targets), strict=True)

    def _known(self, target: _Target) -> bool:
        with self._installation.store.read() as uow:
            return any(True for _ in uow.observations.present(target.cell, target.ids))

    def _live(self, target: _Target) -> bool:
        """Whether one of the resources has a live finding, which a late call may explain."""
        if target.baseline is None:
            return False
        with self._installation.store.read() as uow:
            return bool(list(uow.findings.live_of(target.baseline, target.cell, target.ids)))

    def _store(self, target: _Target, reread: Reread) -> bool:
        """Stores what was read; True where something is off the baseline, or a live finding has to be looked at."""
        cell, status = target.cell, target.status
        with self._installation.store.write(self._lease()) as uow:
            put = uow.observations.put(
                cell,
                reread.resources,
                known_at=status.complete_started_at,
                now=reread.ended_at,
                read_at=reread.started_at,
            )
            changed = put.changed + _end(uow, cell, reread, status)
            if changed and status.state in EXACT:
                uow.cells.forget_digest(cell)
            if target.baseline is None or target.part is None:
                return False
            off = any(True for _ in uow.observations.mismatches(cell, target.baseline, target.ids))
            return off or bool(list(uow.findings.live_of(target.baseline, cell, target.ids)))

    def _judge(self, targets: list[_Target], report: Report) -> None:
        judge = Judge(self._installation, self.evidence, None, report)
        for target in targets:
            judge.resources(target.cell, target.ids, target.layout.rules, self._lease())

    def _renew_evidence(self, report: Report) -> None:
        """Reads the change sources. They may know of a change only when they were read after it: earlier, no verdict would be certain."""
        if early := self.rest_s():
            self._sleep(early)
        self._synced_at = self._installation.clock()
        changes.sync(self._installation, report)
        self._evidence = evidence(self._installation)


def _end(uow: UnitOfWork, cell: Cell, reread: Reread, status: CellStatus) -> int:
    """What was asked for by itself and is not there is gone: a targeted read says so once. Answers with how many those are."""
    gone = [item for item in uow.observations.present(cell, reread.absent) if item.since[1] <= reread.started_at] if reread.absent else []
    for item in gone:
        known_at = max(item.since[1], status.complete_started_at or item.since[1])
        uow.observations.end(cell, [item.row], known_at=known_at, now=reread.ended_at)
    return len(gone)


def _read_at(done: list[tuple[_Target, Reread]]) -> Iterator[tuple[tuple[Cell, str], datetime]]:
    for target, reread in done:
        failed = {gap.resource_id for gap in reread.gaps}
        for id_ in target.ids:
            if id_ not in failed:
                yield (target.cell, id_), reread.started_at
        for resource in reread.resources:
            yield (target.cell, resource.id), reread.started_at
