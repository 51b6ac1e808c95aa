"""The further calls for the items of a listing: batched, joined, one by one, spread over threads, in the order of the listing."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import jmespath

from driftwatch.aws.calls import Caller, CallFailed
from driftwatch.aws.entry import DetailCall, Entry, Paging, expression
from driftwatch.aws.kept import Keeping
from driftwatch.aws.replies import result_roots
from driftwatch.aws.rows import Row, chunks, compiled, filled, in_order, members_used, search
from driftwatch.domain.snapshot import GapReason

GONE_CODES = frozenset(
    {
        "NoSuchBucket",
        "NoSuchHostedZone",
        "NoSuchDistribution",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "DBInstanceNotFound",
        "DBClusterNotFoundFault",
        "TableNotFoundException",
        "LoadBalancerNotFound",
        "TargetGroupNotFound",
        "FileSystemNotFound",
    }
)
"""Codes that say that the resource itself is gone, not a part of it: it was deleted after it was listed. Codes that a service uses for
both (ResourceNotFoundException, NoSuchEntity) are not among them: taking one for a deletion would invent a change."""

_NOT_FOUND = re.compile(r"NotFound|NoSuch|DoesNotExist|NonExistent|^MISSING$", re.IGNORECASE)


def shares_batches(entry: Entry) -> bool:
    """Whether the items of several parents may stand in one batch: no batch's other parameters are taken from the item or its parent."""
    return not any(_has_expression(value) for d in entry.detail if d.batch for name, value in d.params.items() if name != d.batch.param)


def _has_expression(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_expression, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_expression, value))
    return expression(value) is not None


@dataclass(kw_only=True)
class Details:
    """The details of one entry in one unit. `region` is where calls go for an item without a region of its own."""

    entry: Entry
    caller: Caller
    region: str
    pool: Executor
    window: int
    keeping: Keeping
    identity_only: bool = False
    """Only as far as children need it: the details that replace the item."""
    _joined: dict[int, dict[str, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def complete(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows with all details in them, in their order; failed and vanished ones are marked."""
        stages = self._stages()
        replacing = max((number for number, stage in enumerate(stages) if stage[0].into == "@"), default=-1)
        stream = map(self._filter, rows) if replacing < 0 else iter(rows)
        for number, stage in enumerate(stages):
            if self.identity_only and number > replacing and not self._keep_needs_details():
                break
            stream = self._run(stage, stream)
            if number == replacing:
                stream = map(self._filter, stream)
        return map(self._filter_late, stream)

    # --- keep ------------------------------------------------------------------------------------------------------------------------

    def _filter(self, row: Row) -> Row:
        """Applies `keep` before the details, unless it asks for what only they bring."""
        if row.live and self.entry.keep and not self._keep_is_late(row):
            row.gone = not self._keeps(row)
        return row

    def _keeps(self, row: Row) -> bool:
        """What `keep` says of the row; `$account` in it is the account that is read."""
        return bool(search((self.entry.keep or "").replace("$account", str(row.bound.get("account", ""))), row.item))

    def _filter_late(self, row: Row) -> Row:
        if row.live and self.entry.keep:
            row.gone = not self._keeps(row)
        return row

    def _keep_is_late(self, row: Row) -> bool:
        return self._keep_needs_details() and not (isinstance(row.item, Mapping) and members_used(self.entry.keep or "") <= row.item.keys())

    def _keep_needs_details(self) -> bool:
        later = {detail.into for detail in self.entry.detail if detail.into != "@"}
        return bool(self.entry.keep) and ("+" in later or bool(members_used(self.entry.keep or "") & later))

    # --- stages ----------------------------------------------------------------------------------------------------------------------

    def _stages(self) -> list[list[DetailCall]]:
        """The details in their order; neighbours that are read item by item make up one stage."""
        stages: list[list[DetailCall]] = []
        for detail in self.entry.detail:
            alone = detail.batch or detail.join or detail.into == "@"
            if alone or not stages or stages[-1][0].batch or stages[-1][0].join or stages[-1][0].into == "@":
                stages.append([detail])
            else:
                stages[-1].append(detail)
        return stages

    def _run(self, stage: list[DetailCall], rows: Iterable[Row]) -> Iterator[Row]:
        detail = stage[0]
        if detail.batch:
            groups = in_order(self.pool, lambda group: self._batch(detail, group), chunks(rows, detail.batch.size), self.window)
            return (row for group in groups for row in group)
        if detail.join:
            return (self._join(detail, row) for row in rows)
        return in_order(self.pool, lambda row: self._each(stage, row), rows, self.window)

    def _each(self, stage: list[DetailCall], row: Row) -> Row:
        for detail in stage:
            if row.live and _applies(detail, row):
                self._guarded(row, detail, lambda detail=detail: self._put(row, detail, self._read(detail, row)))  # type: ignore[misc]
        return row

    def _guarded(self, row: Row, detail: DetailCall, work: Callable[[], None]) -> None:
        """Runs `work`; a failure is what the entry says about its code, else the row's."""
        try:
            work()
        except CallFailed as failed:
            if failed.is_one_of(detail.absent) or failed.is_one_of(detail.off):
                return
            if failed.code in GONE_CODES or (detail.into == "@" and failed.reason is GapReason.ERROR and _NOT_FOUND.search(failed.code)):
                row.gone = True
            else:
                self._fail(row, detail, failed)

    def _fail(self, row: Row, detail: DetailCall, failed: CallFailed) -> None:
        row.failed = failed
        row.unsure = detail.into == "@" or self._keep_needs_details()

    def _names(self, row: Row | None) -> Mapping[str, Any]:
        region = (row and row.region) or self.region
        return {**(row.bound if row else {}), "region": region, **({"item": row.item} if row else {})}

    def _read(self, detail: DetailCall, row: Row) -> Any:
        service, operation = self.entry.service, detail.op
        params = filled(dict(detail.params), self._names(row), f"{service}:{operation}")
        region = row.region or self.region
        if not detail.every:
            return self._asked(detail, params, region)
        question = (self.entry.type, detail.into, operation, region, repr(params))
        return self.keeping.value(question, detail.every, row.item, lambda: self._asked(detail, params, region))

    def _asked(self, detail: DetailCall, params: Mapping[str, Any], region: str) -> Any:
        service, operation = self.entry.service, detail.op
        if detail.paging is Paging.SINGLE:
            return self._take(detail, self.caller.call(service, operation, params, region))
        taken = [self._take(detail, page) for page in self.caller.pages(service, operation, params, region, detail.paging)]
        if len(taken) == 1:
            return taken[0]
        if all(isinstance(part, Mapping) for part in taken):
            return {name: value for part in taken for name, value in part.items()}
        return [element for part in taken for element in part or ()]

    def _take(self, detail: DetailCall, reply: Any) -> Any:
        try:
            return compiled(detail.take).search(reply)
        except jmespath.exceptions.JMESPathError as error:
            name = f"{self.entry.service}:{detail.op}"
            raise CallFailed(GapReason.NOT_AWS, operation=name, detail=f"the reply does not fit {detail.take}") from error

    def _put(self, row: Row, detail: DetailCall, value: Any) -> None:
        name = f"{self.entry.service}:{detail.op}"
        if detail.into == "@":
            if value is None:
                raise CallFailed(GapReason.NOT_AWS, operation=name, detail=f"the reply has no {detail.take}")
            row.item = value
        elif detail.into == "+":
            if value is not None and not isinstance(value, Mapping):
                raise CallFailed(GapReason.NOT_AWS, operation=name, detail=f"{detail.take} is no object")
            row.item = {**(row.item if isinstance(row.item, Mapping) else {}), **(value or {})}
        elif value is not None:
            row.item = {**(row.item if isinstance(row.item, Mapping) else {}), detail.into: value}

    # --- batches -----------------------------------------------------------------------------------------------------------------------

    def _batch(self, detail: DetailCall, rows: list[Row]) -> list[Row]:
        by_region: dict[str | None, list[Row]] = {}
        for row in rows:
            if row.live and _applies(detail, row):
                by_region.setdefault(row.region, []).append(row)
        for group in by_region.values():
            self._ask_batch(detail, group)
        return rows

    def _ask_batch(self, detail: DetailCall, rows: list[Row]) -> None:
        batch = detail.batch
        assert batch is not None
        service, operation = self.entry.service, detail.op
        name = f"{service}:{operation}"
        source = detail.params.get(batch.param, "$item")
        asked: dict[str, Row] = {}
        for row in rows:
            self._guarded(row, detail, lambda row=row: asked.update({str(filled(source, self._names(row), name)): row}))  # type: ignore[misc]
        if not asked:
            return
        first = next(iter(asked.values()))
        others = {key: value for key, value in detail.params.items() if key != batch.param}
        try:
            params = {**filled(others, self._names(first), name), batch.param: list(asked)}
            reply = self.caller.call(service, operation, params, first.region or self.region)
        except CallFailed as failed:
            if failed.reason is GapReason.ERROR and len(asked) > 1 and not failed.is_one_of((*detail.absent, *detail.off)):
                for row in asked.values():  # one bad item makes some services refuse the whole batch: find it
                    self._ask_batch(detail, [row])
                return
            for row in asked.values():
                self._guarded(row, detail, lambda failed=failed: _raise(failed))  # type: ignore[misc]
            return
        self._share_out(detail, asked, reply)

    def _share_out(self, detail: DetailCall, asked: Mapping[str, Row], reply: Mapping[str, Any]) -> None:
        batch = detail.batch
        assert batch is not None
        name = f"{self.entry.service}:{detail.op}"
        elements = self._take(detail, reply)
        if elements is None and result_roots(compiled(detail.take).parsed).isdisjoint(reply):
            elements_failed: CallFailed | None = CallFailed(GapReason.NOT_AWS, operation=name, detail=f"the reply has no {detail.take}")
        else:
            elements_failed = None
        found = {str(search(batch.match, element)): element for element in elements or ()}
        missing = search(batch.missing, reply) or () if batch.missing else ()
        for key, row in asked.items():
            if elements_failed:
                self._fail(row, detail, elements_failed)
            elif key in found:
                self._guarded(row, detail, lambda row=row, key=key: self._put(row, detail, found[key]))  # type: ignore[misc]
            elif any(_means_gone(problem, key) for problem in missing):
                row.gone = True
            elif detail.into == "@" or any(_names_it(problem, key) for problem in missing):
                self._fail(row, detail, CallFailed(GapReason.ERROR, operation=name, detail="the item is missing from the batch's reply"))

    # --- joins ---------------------------------------------------------------------------------------------------------------------------

    def _join(self, detail: DetailCall, row: Row) -> Row:
        join = detail.join
        assert join is not None
        if row.live:
            # a failed join is a failure of all: it is raised, not put on every row
            joined = self._load(detail)
            value = joined.get(str(search(join.on, row.item)))
            self._guarded(row, detail, lambda: self._put(row, detail, value))
        return row

    def _load(self, detail: DetailCall) -> dict[str, Any]:
        join = detail.join
        assert join is not None
        with self._lock:
            if id(detail) not in self._joined:
                service, operation = self.entry.service, detail.op
                params = filled(dict(detail.params), self._names(None), f"{service}:{operation}")
                joined: dict[str, Any] = {}
                for page in self.caller.pages(service, operation, params, self.region, detail.paging):
                    for element in compiled(join.list).search(page) or ():
                        joined[str(search(join.match, element))] = self._take(detail, element)
                self._joined[id(detail)] = joined
            return self._joined[id(detail)]


def _applies(detail: DetailCall, row: Row) -> bool:
    return not detail.when or bool(search(detail.when, row.item))


def _raise(failed: CallFailed) -> None:
    raise failed


def _names_it(problem: Any, key: str) -> bool:
    return problem == key or (isinstance(problem, Mapping) and key in problem.values())


def _means_gone(problem: Any, key: str) -> bool:
    """Whether a batch's failure says that the item does not exist: a bare name, or a reason or code that says so."""
    if isinstance(problem, str):
        return problem == key
    return _names_it(problem, key) and any(
        isinstance(value, str) and value != key and _NOT_FOUND.search(value) for value in problem.values()
    )
