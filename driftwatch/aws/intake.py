"""The resources of one cell as they come in: named, normalised, checked for doubles, handed on in batches."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from driftwatch.aws.calls import CallFailed
from driftwatch.aws.entry import Entry, Kind, expression
from driftwatch.aws.failures import problem_of
from driftwatch.aws.patience import Patience
from driftwatch.aws.rows import PLACEHOLDER, Row, search, values_at
from driftwatch.aws.traffic import Limits
from driftwatch.domain.canonical import encode, to_json
from driftwatch.domain.normalize import Normaliser, fingerprint
from driftwatch.domain.resource import Cell, Json, Resource
from driftwatch.domain.snapshot import Batch, CellRead, Gap, GapReason, Outcome

MAX_GAPS = 1000
"""Resource gaps kept of one cell; beyond it one gap of the cell says how many more there are."""

MAX_FACTS_BYTES = 16 * 1024
"""Facts of one resource are for people to look at; more than this much of them is left out."""

_ESCAPED = str.maketrans({"%": "%25", "|": "%7C", "*": "%2A", "?": "%3F"})


class _UnfitError(Exception):
    """An item that cannot become a resource."""

    def __init__(self, reason: GapReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the documents of a cell become canonical: under `shape`, and beside it under another one where that is asked for."""

    shape: str
    normaliser: Normaliser
    key: bytes = field(repr=False)
    """The installation's key for secrets."""
    reshaper: Normaliser | None = None


def item_id(entry: Entry, document: Any, bound: Mapping[str, Any]) -> str | None:
    """The id of an item or document: its one value, or the parts joined by ``|`` with special characters as %XX.

    None where the item itself has no part of it. `bound` holds the values of ``$name``; one that it lacks is left empty. A bare name
    stands for the one part that is the item's own; where there are several, it is all that is known of the id.
    """
    if not entry.id:
        return entry.type.rpartition("::")[2] if entry.kind is Kind.SINGLETON else None
    own = [path for path in entry.id if not expression(path)]
    bare = isinstance(document, str) and own != ["@"]
    if bare and len(own) > 1:
        return document or None
    found = {path: document if bare else search(path, document) for path in own}
    if not any(_text(part) for part in found.values()):
        return None
    texts = [_text(found[path] if path in found else bound.get(path.removeprefix("$"))) for path in entry.id]
    return texts[0] if len(texts) == 1 else "|".join(text.translate(_ESCAPED) for text in texts)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


@dataclass(kw_only=True)
class CellIntake:
    """Collects one cell. Of what went through it keeps 16 bytes per resource, to know doubles by."""

    cell: Cell
    entry: Entry
    form: Form
    limits: Limits
    patience: Patience
    clock: Callable[[], datetime]
    listed: int = 0
    _waiting: list[tuple[Resource, Resource | None]] = field(default_factory=list)
    _seen: dict[int, int] = field(default_factory=dict)
    _gaps: list[Gap] = field(default_factory=list)
    _more_gaps: int = 0

    def put(self, row: Row, *, region: str) -> Iterator[Batch]:
        """Takes a row that was read to the end; a full batch comes out. `region` is the one for ARN templates."""
        if row.gone:
            return
        self.listed += 1
        if row.failed:
            self._gap(row.failed.reason, row.failed.detail, row.failed.operation, row.name)
            return
        name = item_id(self.entry, row.item, row.bound) or row.name
        try:
            pair = self._resource(row, name, region)
            if not self._is_double(pair[0]):
                self._waiting.append(pair)
        except _UnfitError as unfit:
            self._gap(unfit.reason, str(unfit), None, name)
        except (ValueError, TypeError, RecursionError) as error:
            # the text of such an error may hold values
            self._gap(GapReason.INVALID_ITEM, f"the item cannot be normalised ({type(error).__name__})", None, name)
        if len(self._waiting) >= self.limits.batch_size:
            yield self._batch()

    def rest(self) -> Iterator[Batch]:
        """What is left at the end of the cell."""
        if self._waiting:
            yield self._batch()

    def end(
        self,
        failures: list[CallFailed],
        *,
        off: bool,
        started_at: datetime,
        clock: Callable[[], datetime],
        calls: int,
        kept_since: datetime | None,
    ) -> CellRead:
        """How the cell's reading ended. `failures` are those of the whole cell, `off` says that the service is not enabled."""
        gaps = [Gap(cell=self.cell, reason=f.reason, detail=f.detail, operation=f.operation) for f in failures]
        gaps += self._gaps
        if self._more_gaps:
            detail = f"{self._more_gaps} more resources could not be read"
            gaps.append(Gap(cell=self.cell, reason=self._gaps[-1].reason, detail=detail, operation=self._gaps[-1].operation))
        complete = Outcome.NOT_ENABLED if off and not self.listed else Outcome.COMPLETE
        return CellRead(
            cell=self.cell,
            outcome=Outcome.INCOMPLETE if gaps else complete,
            shape=self.form.shape,
            started_at=started_at,
            ended_at=clock(),
            listed=self.listed,
            calls=calls,
            gaps=tuple(gaps),
            kept_since=kept_since,
        )

    def _batch(self) -> Batch:
        pairs, self._waiting = self._waiting, []
        return Batch(
            cell=self.cell,
            resources=tuple(resource for resource, _ in pairs),
            reshaped=tuple(reshaped for _, reshaped in pairs if reshaped is not None),
        )

    def _resource(self, row: Row, name: str | None, region: str) -> tuple[Resource, Resource | None]:
        if not name:
            raise _UnfitError(GapReason.INVALID_ITEM, f"an item without {' and '.join(self.entry.id)}")
        document = row.item if isinstance(row.item, Mapping) else {"Value": row.item}
        self._check_readable(document)
        self._check_settled(document, name)
        arn = self._arn(document, row.bound, region)
        label = search(self.entry.label, document) if self.entry.label else None
        text = label if isinstance(label, str) else None
        reshaper = self.form.reshaper
        return (
            self._made(self.form.normaliser, document, name, arn, text),
            self._made(reshaper, document, name, arn, text) if reshaper else None,
        )

    def _check_readable(self, document: Mapping[str, Any]) -> None:
        for path in self.entry.unreadable:
            problem = next((value for value in values_at(path, document) if value not in (None, [])), None)
            if problem is not None:
                reason, code = problem_of(problem)
                raise _UnfitError(reason, f"the service could not read a part of it: {path}{f' ({code})' if code else ''}")

    def _check_settled(self, document: Mapping[str, Any], name: str) -> None:
        """Raises _UnfitError for what the service is still changing, unless it was waited for long enough."""
        if not self.entry.settling:
            return
        sign = next(self._signs(document), None)
        if sign is None:
            self.patience.settled((self.cell, name))
        elif self.patience.waits((self.cell, name), self.clock()):
            raise _UnfitError(GapReason.SETTLING, f"the service is still changing it: {sign}")

    def _signs(self, document: Mapping[str, Any]) -> Iterator[str]:
        for path, passing in self.entry.settling.items():
            for value in values_at(path, document):
                if passing and value in passing:
                    yield f"{path} is {value}"
                elif not passing and value not in (None, "", [], {}):
                    yield f"there is {path}"

    def _facts(self, document: Mapping[str, Any]) -> dict[str, Json]:
        """The facts by path: one value, or the list of those in the elements of a list; none where they would be too large."""
        found: dict[str, Json] = {}
        for path in self.entry.facts:
            values = [to_json(value) for value in values_at(path, document) if value is not None]
            if values:
                found[path] = values if "[]" in path or "*" in path else values[0]
        return found if len(encode(found)) <= MAX_FACTS_BYTES else {}

    def _made(self, normaliser: Normaliser, document: Mapping[str, Any], name: str, arn: str | None, label: str | None) -> Resource:
        canonical = normaliser.normalise(document)
        whole = encode({"config": canonical.config, "tags": canonical.tags})
        if len(whole) > self.limits.max_item_bytes:
            mark = hmac.digest(self.form.key, whole, "sha256").hex()  # by it people see whether it changed from one scan to the next
            detail = f"configuration and tags have {len(whole)} bytes, more than {self.limits.max_item_bytes}; their keyed hash is {mark}"
            raise _UnfitError(GapReason.OVERSIZE, detail)
        return Resource(
            cell=self.cell,
            id=name,
            arn=arn,
            label=label,
            tags=canonical.tags,
            config=canonical.config,
            fingerprint=fingerprint(canonical.config, canonical.tags),
            facts=self._facts(document) if self.entry.facts else {},
        )

    def _arn(self, document: Mapping[str, Any], bound: Mapping[str, Any], region: str) -> str | None:
        template = self.entry.arn
        if not template:
            return None
        if not template.startswith("arn:"):
            found = search(template, document)
            return found if isinstance(found, str) and found else None
        given = {**bound, "region": region}
        values = {path: given[path] if path in given else search(path, document) for path in PLACEHOLDER.findall(template)}
        if any(value is None for value in values.values()):
            return None
        return PLACEHOLDER.sub(lambda match: str(values[match[1]]), template)

    def _is_double(self, resource: Resource) -> bool:
        """Whether the resource came before. Overlapping pages may repeat it as it was; two different ones under one id are a fault."""
        key = int.from_bytes(hashlib.blake2b(resource.id.encode("utf-8", "surrogatepass"), digest_size=8).digest())
        mark = int(resource.fingerprint[:16], 16)
        former = self._seen.get(key)
        if former is None:
            self._seen[key] = mark
            return False
        self.listed -= 1
        if former != mark:
            raise _UnfitError(GapReason.INVALID_ITEM, "two different items with one id")
        return True

    def _gap(self, reason: GapReason, detail: str, operation: str | None, resource_id: str | None) -> None:
        if len(self._gaps) >= MAX_GAPS:
            self._more_gaps += 1
            return
        self._gaps.append(Gap(cell=self.cell, reason=reason, detail=detail, operation=operation, resource_id=resource_id))
