"""Drifts of a cell: what a resource off its baseline is called, how it differs, and when that came about."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from driftwatch.domain.baseline import Mismatch
from driftwatch.domain.diff import diff
from driftwatch.domain.drift import Drift, DriftKind, Interval
from driftwatch.domain.finding import Finding
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.resource import Cell, resource_id
from driftwatch.ports import UnitOfWork


def drift_of(uow: UnitOfWork, cell: Cell, mismatch: Mismatch, rules: Normalisation, *, id_: str, now: datetime) -> Drift:
    """The drift that a mismatch is, from the two documents behind its fingerprints."""
    known = mismatch.current or mismatch.baseline
    if known is None:
        raise ValueError("a mismatch has a current or a baseline side")
    before = uow.documents.get(mismatch.baseline.fingerprint) if mismatch.baseline else None
    after = uow.documents.get(mismatch.current.fingerprint) if mismatch.current else None
    since = (mismatch.current.since if mismatch.current else mismatch.gone) or (None, now)
    kind = DriftKind.UPDATED if before and after else DriftKind.CREATED if after else DriftKind.DELETED
    return Drift(
        id=id_,
        account=cell.account,
        region=cell.region,
        resource_type=cell.type,
        resource_id=resource_id(cell, mismatch.id, known.arn),
        resource=mismatch.id,
        label=known.label,
        kind=kind,
        tags_before=before["tags"] if before else {},
        tags_after=after["tags"] if after else {},
        changes=diff(before, after, rules),
        interval=Interval(last_good=since[0], detected=since[1]),
    )


def rebased(finding: Finding, drift: Drift, mismatch: Mismatch, now: datetime) -> Finding:
    """The finding where both its baseline and its value changed in what they have in common: the same drift between other documents."""
    before, after = fingerprints(mismatch)
    same = replace(finding.drift, tags_before=drift.tags_before, tags_after=drift.tags_after, label=drift.label)
    return replace(finding, drift=same, before_fingerprint=before, after_fingerprint=after, last_seen=now)


def fingerprints(mismatch: Mismatch) -> tuple[str | None, str | None]:
    """The baseline's and the present fingerprint of a resource; None where it is absent on that side."""
    return (
        mismatch.baseline.fingerprint if mismatch.baseline else None,
        mismatch.current.fingerprint if mismatch.current else None,
    )
