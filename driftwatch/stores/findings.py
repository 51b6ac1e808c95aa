"""Findings and their decisions. The database itself refuses a second live finding, and to change or remove a decision."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, TextClause, delete, func, insert, literal, select, tuple_, update

from driftwatch.domain import codec
from driftwatch.domain.decision import Decision, Effect, Verdict
from driftwatch.domain.drift import Drift
from driftwatch.domain.finding import LIVE, Finding, FindingState, Handling, Standing
from driftwatch.domain.resource import Cell, Json
from driftwatch.domain.selection import FindingSelection
from driftwatch.errors import StoreError
from driftwatch.stores.columns import SafeText, UtcTime
from driftwatch.stores.days import utc_day
from driftwatch.stores.schema import cells, decisions, findings, record_effects
from driftwatch.stores.schema.judged import LIVE_ONLY, UNSETTLED_ONLY
from driftwatch.stores.session import Session, cell_of, chunks, values_of

_WHOLE = select(findings, cells.c.partition, cells.c.account, cells.c.region, cells.c.type).join(cells)
_SAME = (
    *("id", "baseline", "resource_id", "resource", "drift_version", "before_fingerprint", "after_fingerprint", "settled"),
    *("policy_version", "first_seen", "last_seen", "closed_at", "previous_id", "due_at"),
)
"""What the noun and the row hold in the same form, under the same name."""
_STANDING = ("id", "baseline", "resource", "settled", "policy_version", "first_seen", "due_at", "closed_at")
_WHERE_IT_STANDS = select(
    *(findings.c[name] for name in (*_STANDING, "state", "verdict_current", "handling")),
    *(cells.c[name] for name in ("partition", "account", "region", "type")),
).join(cells)


class SqlFindings:
    """Implements `ports.Findings`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, finding_id: str) -> Finding | None:
        row = self._session.one(_WHOLE.where(findings.c.id == finding_id))
        return _finding(row) if row else None

    def live(self, baseline: str, cell: Cell) -> Iterator[Finding]:
        """The live findings of a cell, ordered by the resource's id."""
        mine = (findings.c.baseline == baseline) & (findings.c.cell == self._session.cell(cell))
        for row in self._session.stream(_WHOLE.where(mine, LIVE_ONLY).order_by(findings.c.resource, findings.c.id)):
            yield _finding(row)

    def of_resource(self, baseline: str, cell: Cell, resource: str, since: datetime) -> Iterator[Finding]:
        """The findings of one resource, closed ones, too, that were first seen at this time or later; the oldest first."""
        mine = (findings.c.baseline == baseline, findings.c.cell == self._session.cell(cell), findings.c.resource == resource)
        wanted = _WHOLE.where(*mine, findings.c.first_seen >= since).order_by(findings.c.first_seen, findings.c.id)
        for row in self._session.stream(wanted):
            yield _finding(row)

    def live_of(self, baseline: str, cell: Cell, resources: Collection[str]) -> Iterator[Finding]:
        """The live findings of these resources of a cell, by their ids there; ordered by id."""
        mine = (findings.c.baseline == baseline) & (findings.c.cell == self._session.cell(cell))
        for chunk in chunks(sorted(set(resources))):
            wanted = _WHOLE.where(mine, findings.c.resource.in_(chunk), LIVE_ONLY)
            for row in self._session.all(wanted.order_by(findings.c.resource, findings.c.id)):
                yield _finding(row)

    def live_of_types(self, types: Collection[str]) -> Iterator[Finding]:
        """The live findings of these resource types, the oldest first."""
        wanted = _WHOLE.where(cells.c.type.in_(types), LIVE_ONLY)
        for row in self._session.stream(wanted.order_by(findings.c.first_seen, findings.c.id)):
            yield _finding(row)

    def all(self, states: Sequence[FindingState] = ()) -> Iterator[Finding]:
        """Those in one of `states` (none given: in any), the oldest first."""
        wanted = _WHOLE.where(findings.c.state.in_([state.value for state in states])) if states else _WHOLE
        for row in self._session.stream(wanted.order_by(findings.c.first_seen, findings.c.id)):
            yield _finding(row)

    def page(self, wanted: FindingSelection, after: tuple[datetime, str] | None, limit: int) -> Sequence[Finding]:
        """At most `limit` of them, the most recent first: those that were first seen before, or then with a smaller id than, `after`."""
        chosen = _WHOLE.where(*_criteria(wanted))
        if after:
            chosen = chosen.where(
                tuple_(findings.c.first_seen, findings.c.id) < tuple_(literal(after[0], UtcTime), literal(after[1], SafeText))
            )
        order = (findings.c.first_seen.desc(), findings.c.id.desc())
        return [_finding(row) for row in self._session.all(chosen.order_by(*order).limit(limit))]

    def tally(self, wanted: FindingSelection) -> Mapping[tuple[str, str], int]:
        """How many of them there are, by (state, current verdict)."""
        group = (findings.c.state, findings.c.verdict_current)
        counted = select(*group, func.count().label("number")).select_from(findings).where(*_criteria(wanted)).group_by(*group)
        if wanted.accounts is not None or wanted.regions or wanted.types:
            counted = counted.join(cells)
        return {(row.state, row.verdict_current): row.number for row in self._session.all(counted)}

    def days(self, since: datetime, accounts: Collection[str] | None = None) -> Mapping[str, tuple[int, int]]:
        """How many opened and how many closed on each day from `since` on, in these accounts (None: in any)."""
        opened, closed = (self._by_day(column, since, accounts) for column in (findings.c.first_seen, findings.c.closed_at))
        return {day: (opened.get(day, 0), closed.get(day, 0)) for day in sorted({*opened, *closed})}

    def _by_day(self, column: ColumnElement[datetime], since: datetime, accounts: Collection[str] | None) -> Mapping[str, int]:
        group: tuple[ColumnElement[Any], ...] = (utc_day(column).label("day"),)
        counted = select(*group, func.count().label("number")).select_from(findings).where(column >= since).group_by(*group)
        if accounts is not None:
            within = select(cells.c.cell).where(cells.c.account.in_(accounts))  # joined, SQLite reads all findings anew for each cell
            counted = counted.where(findings.c.cell.in_(within))
        return {row.day: row.number for row in self._session.all(counted)}

    def beginning_with(self, prefix: str, limit: int) -> Sequence[Finding]:
        """At most `limit` findings whose ids begin so, ordered by id."""
        between = (findings.c.id >= prefix, findings.c.id < prefix + "\U0010ffff")
        return [_finding(row) for row in self._session.all(_WHOLE.where(*between).order_by(findings.c.id).limit(limit))]

    def save(self, finding: Finding) -> None:
        """Inserts or replaces by id; refuses (StoreError) a second live finding for one key, and another initial verdict."""
        cell = self._session.make_cell(finding.cell)
        self._refuse_second(finding, cell)
        before = self._session.one(select(findings.c.verdict_initial).where(findings.c.id == finding.id))
        if before and before.verdict_initial not in (None, finding.verdict_initial):
            raise StoreError(f"finding {finding.id} was first judged {before.verdict_initial}; that never changes")
        row = {name: getattr(finding, name) for name in _SAME}
        row |= {
            "cell": cell,
            "state": finding.state.value,
            "drift": codec.encode(finding.drift),
            "handling": codec.encode(finding.handling),
        }
        row |= {"verdict_initial": finding.verdict_initial and finding.verdict_initial.value}
        self._session.save(findings, row | {"verdict_current": finding.verdict_current.value})

    def _refuse_second(self, finding: Finding, cell: int) -> None:
        """Asks first: a statement that the unique index refuses would cost the whole transaction."""
        if finding.state not in LIVE:
            return
        key = (findings.c.baseline == finding.baseline, findings.c.cell == cell, findings.c.resource_id == finding.resource_id)
        other = self._session.one(select(findings.c.id).where(*key, LIVE_ONLY, findings.c.id != finding.id))
        if other:
            raise StoreError(f"{finding.resource_id} has a live finding already ({other.id}); a resource has at most one in a baseline")

    def touch(self, finding_ids: Sequence[str], last_seen: datetime) -> None:
        """They were seen again."""
        for chunk in chunks(finding_ids):
            self._session.execute(update(findings).where(findings.c.id.in_(chunk)).values(last_seen=last_seen))

    def add_decision(self, finding_id: str, decision: Decision) -> None:
        """Appends; decisions are never changed."""
        row = {"finding_id": finding_id, "decided_at": decision.decided_at, "verdict": decision.verdict.value}
        self._session.execute(insert(decisions).values(row | {"body": decision.to_json()}))
        self._session.execute(delete(record_effects).where(record_effects.c.finding_id == finding_id))
        for path in decision.paths:
            if path.record is not None:
                effect = {"record_id": path.record, "finding_id": finding_id, "path": path.path}
                self._session.save(record_effects, effect | {"verdict": path.verdict.value, "at": decision.decided_at})

    def effects(self, record_ids: Sequence[str]) -> Iterator[Effect]:
        """What the records decided, by record, finding and path."""
        order = (record_effects.c.record_id, record_effects.c.finding_id, record_effects.c.path)
        for chunk in chunks(record_ids):
            for row in self._session.all(select(record_effects).where(record_effects.c.record_id.in_(chunk)).order_by(*order)):
                yield Effect(record=row.record_id, finding=row.finding_id, path=row.path, verdict=Verdict(row.verdict), at=row.at)

    def last_decisions(self, finding_ids: Collection[str]) -> Mapping[str, Json]:
        """The last decision on each of these findings, by finding."""
        found: dict[str, Json] = {}
        for chunk in chunks(finding_ids):
            last = select(func.max(decisions.c.decision)).where(decisions.c.finding_id.in_(chunk)).group_by(decisions.c.finding_id)
            rows = self._session.all(select(decisions.c.finding_id, decisions.c.body).where(decisions.c.decision.in_(last)))
            found |= {row.finding_id: row.body for row in rows}
        return found

    def decisions(self, finding_id: str) -> Sequence[Json]:
        """`Decision.to_json` of each, oldest first."""
        mine = select(decisions.c.body).where(decisions.c.finding_id == finding_id)
        return [row.body for row in self._session.all(mine.order_by(decisions.c.decision))]

    def standings(self) -> Iterator[Standing]:
        """Where every live finding stands, without their drifts; ordered by id."""
        yield from self._standings(LIVE_ONLY)

    def unsettled(self) -> Iterator[Standing]:
        """Every finding whose first settled decision is still to come, closed ones, too; ordered by id."""
        yield from self._standings(UNSETTLED_ONLY)

    def closed_since(self, moment: datetime) -> Iterator[Standing]:
        """The findings that closed at this time or later, the oldest first."""
        yield from self._standings(findings.c.closed_at >= moment, findings.c.closed_at)

    def _standings(self, wanted: ColumnElement[bool] | TextClause, *order: ColumnElement[Any]) -> Iterator[Standing]:
        for row in self._session.stream(_WHERE_IT_STANDS.where(wanted).order_by(*order, findings.c.id)):
            yield Standing(
                cell=cell_of(row),
                state=FindingState(row.state),
                verdict_current=Verdict(row.verdict_current),
                handling=codec.decode(Handling, row.handling or {}),
                **values_of(row, _STANDING),
            )

    def counts(self) -> Mapping[tuple[str, str, bool], int]:
        """Live findings by (state, current verdict, settled)."""
        group = (findings.c.state, findings.c.verdict_current, findings.c.settled)
        rows = self._session.all(select(*group, func.count().label("number")).where(LIVE_ONLY).group_by(*group))
        return {(row.state, row.verdict_current, row.settled): row.number for row in rows}


def _finding(row: Row[Any]) -> Finding:
    return Finding(
        cell=cell_of(row),
        state=FindingState(row.state),
        drift=codec.decode(Drift, row.drift),
        handling=codec.decode(Handling, row.handling or {}),
        verdict_initial=Verdict(row.verdict_initial) if row.verdict_initial else None,
        verdict_current=Verdict(row.verdict_current),
        **values_of(row, _SAME),
    )


def _criteria(wanted: FindingSelection) -> Iterator[ColumnElement[bool] | TextClause]:
    """The live ones are asked for in the very words of their partial index."""
    if set(wanted.states) == LIVE:
        yield LIVE_ONLY
    elif wanted.states:
        if LIVE.issuperset(wanted.states):
            yield LIVE_ONLY
        yield findings.c.state.in_([state.value for state in wanted.states])
    if wanted.verdicts:
        yield findings.c.verdict_current.in_([verdict.value for verdict in wanted.verdicts])
    if wanted.baselines:
        yield findings.c.baseline.in_(wanted.baselines)
    if wanted.since:
        yield findings.c.first_seen >= wanted.since
    if wanted.until:
        yield findings.c.first_seen <= wanted.until
    if wanted.accounts is not None:
        yield cells.c.account.in_(wanted.accounts)
    if wanted.regions:
        yield cells.c.region.in_(wanted.regions)
    if wanted.types:
        yield cells.c.type.in_(wanted.types)
