"""Scans, cells, documents, requests, leases, change records and policies."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from driftwatch.domain.change import (
    Approval,
    ApprovalDecision,
    ChangeRecord,
    Expectation,
    Fetched,
    Observation,
    SetAside,
    SourceStatus,
    Target,
    Window,
)
from driftwatch.domain.drift import DriftKind
from driftwatch.domain.request import Lease, Request, RequestState
from driftwatch.domain.scan import CellStatus, Scan, ScanStatus
from driftwatch.domain.snapshot import CellRead, CellState, Gap, GapReason, Outcome
from driftwatch.errors import LeaseLostError, StoreError
from driftwatch.ports import UnitOfWork
from driftwatch.stores.store import SqlStore
from tests.contract.store.samples import ODD, T0, at, cell, document, fingerprint

A, B = cell("A"), cell("B")


# --- scans and cells


def test_scans_are_started_finished_and_listed_newest_first(store: SqlStore) -> None:
    scans = [Scan(id=f"s{number}", started_at=at(number), trigger=ODD) for number in (2, 3, 1)]
    ended = replace(scans[0], status=ScanStatus.PARTIAL, ended_at=at(9), cells=5, gaps=1, resources=2**40, calls=7, error=ODD)
    with store.write() as work:
        for scan in scans:
            work.scans.start(scan)
        work.scans.finish(ended)
        with pytest.raises(StoreError, match="never started"):
            work.scans.finish(replace(ended, id="s9"))
        assert work.scans.get("s2") == ended
        assert work.scans.get("s9") is None
        assert [scan.id for scan in work.scans.latest(2)] == ["s3", "s2"]


def record(work: UnitOfWork, status: CellStatus, *gaps: Gap, outcome: Outcome = Outcome.COMPLETE) -> None:
    work.cells.record(
        "s1", status, CellRead(cell=status.cell, outcome=outcome, shape="s", started_at=T0, ended_at=at(1), listed=3, calls=4, gaps=gaps)
    )


STATUS = CellStatus(
    cell=A,
    state=CellState.DRIFTED,
    reason=ODD,
    shape="shape",
    digest=fingerprint(1),
    count=3,
    scan_id="s1",
    read_at=at(1),
    complete_started_at=T0,
    complete_ended_at=at(1),
    held=fingerprint(2),
)


def test_the_status_of_a_cell_is_that_of_its_last_reading(store: SqlStore) -> None:
    gaps = [
        Gap(cell=A, reason=GapReason.DENIED, detail=ODD, operation="s3:ListBuckets"),
        Gap(cell=A, reason=GapReason.TIMEOUT, resource_id=ODD),
    ]
    with store.write() as work:
        work.scans.start(Scan(id="s1", started_at=T0, trigger="test"))
        record(work, STATUS)
        assert work.cells.gaps(A) == []
        record(work, replace(STATUS, state=CellState.UNKNOWN), *gaps, outcome=Outcome.INCOMPLETE)
        assert work.cells.gaps(A) == gaps
        record(work, CellStatus(cell=B, state=CellState.CLEAN), *[replace(gap, cell=B) for gap in gaps])
    with store.read() as work:
        assert work.cells.get(A) == replace(STATUS, state=CellState.UNKNOWN)
        assert work.cells.gaps(A) == gaps
        assert [status.cell for status in work.cells.all()] == [A, B]
        assert work.cells.get(cell("C")) is None
        assert work.cells.gaps(cell("C")) == []


def test_a_state_is_set_without_touching_the_rest(store: SqlStore) -> None:
    with store.write() as work:
        work.scans.start(Scan(id="s1", started_at=T0, trigger="test"))
        gap = Gap(cell=A, reason=GapReason.DENIED)
        record(work, STATUS, gap)
        work.cells.set_state(A, CellState.STALE, None)
        work.cells.set_shape(A, "new shape", fingerprint(3))
        work.cells.set_state(B, CellState.UNBASELINED, "never read")
        with pytest.raises(StoreError, match="nothing is known"):
            work.cells.set_shape(cell("C"), "shape", fingerprint(3))
        assert work.cells.get(A) == replace(STATUS, state=CellState.STALE, reason=None, shape="new shape", digest=fingerprint(3))
        assert work.cells.gaps(A) == [gap]
        assert work.cells.get(B) == CellStatus(cell=B, state=CellState.UNBASELINED, reason="never read")


def test_a_time_without_a_zone_is_refused(store: SqlStore) -> None:
    naive = datetime(2026, 3, 1)  # noqa: DTZ001 - that is the point
    with pytest.raises(StoreError, match="no time zone"), store.write() as work:
        work.scans.start(Scan(id="s1", started_at=naive, trigger="test"))


# --- documents


def test_documents_are_stored_once_under_their_hash(store: SqlStore) -> None:
    values = [ODD, 2**70, None, {"deep": [{"x": "y" * 100_000}]}]
    with store.write() as work:
        work.documents.put((fingerprint(value), document(value)) for value in values)
        work.documents.put((fingerprint(value), document(value)) for value in values)
        assert [work.documents.get(fingerprint(value)) for value in values] == [document(value) for value in values]
        with pytest.raises(StoreError, match="not in the store"):
            work.documents.get(fingerprint("nothing"))
        with pytest.raises(StoreError, match="another hash"):
            work.documents.put([(fingerprint(1), document(2))])
        with pytest.raises(StoreError, match="another hash"):
            work.documents.put([(fingerprint(None), document(2))])


def test_the_fields_of_a_shape_never_change(store: SqlStore) -> None:
    with store.write() as work:
        work.documents.put_shape("s", {"tags": ODD})
        work.documents.put_shape("s", {"tags": "other"})
        assert work.documents.shape("s") == {"tags": ODD}
        assert work.documents.shape("t") is None


# --- requests and leases


def asked(id_: str, minutes: float = 0, **changes: object) -> Request:
    values = {"id": id_, "kind": "scan", "cells": ("1/*", ODD), "person": "ana", "created_at": at(minutes), "arguments": {"x": [1]}}
    return Request(**values | changes)  # type: ignore[arg-type]


def test_equal_pending_requests_are_one(store: SqlStore) -> None:
    first = asked("r1")
    others = [asked("r2", 1, kind="refresh"), asked("r3", 2, cells=()), asked("r4", 3, arguments=None)]
    with store.write() as work:
        assert work.requests.add(first) == first
        assert work.requests.add(asked("r9", 1, person="ben")) == first
        assert [work.requests.add(other) for other in others] == others
        assert list(work.requests.pending()) == [first, *others]


def test_a_running_request_is_not_joined(store: SqlStore) -> None:
    """It may have read already what the new one asks to be read."""
    running = asked("r1", state=RequestState.RUNNING, started_at=at(1))
    done = replace(running, state=RequestState.DONE, ended_at=at(2), scan_id="s1", exit_code=3, result={"x": ODD}, error=ODD)
    with store.write() as work:
        work.requests.add(asked("r1"))
        work.requests.save(running)
        assert work.requests.add(asked("r2", 5)).id == "r2"
        assert [request.id for request in work.requests.pending()] == ["r1", "r2"]
        work.requests.save(done)
        assert [request.id for request in work.requests.pending()] == ["r2"]
        assert work.requests.get("r1") == done
        assert work.requests.get("r9") is None
        with pytest.raises(StoreError, match="not in the store"):
            work.requests.save(asked("r9"))


def test_a_lease_has_one_holder_at_a_time_and_its_fence_only_grows(store: SqlStore) -> None:
    with store.write() as work:
        first = work.leases.acquire("scan", "a", T0, 60)
        assert first == Lease(name="scan", holder="a", fence=1, expires_at=at(1), renewed_at=T0)
        assert work.leases.acquire("scan", "b", at(0.9), 60) is None
        assert work.leases.acquire("daemon", "b", T0, 60)
        renewed = work.leases.acquire("scan", "a", at(0.9), 60)
        assert renewed == replace(first, expires_at=at(1.9), renewed_at=at(0.9))
        work.leases.check(first)
        second = work.leases.acquire("scan", "b", at(1.9), 60)
        assert second
        assert second.fence == 2
        with pytest.raises(LeaseLostError):
            work.leases.check(first)
        assert work.leases.acquire("scan", "a", at(2), 60) is None


def test_a_released_lease_is_free_at_once_and_its_old_fence_is_dead(store: SqlStore) -> None:
    with store.write() as work:
        first = work.leases.acquire("scan", "a", T0, 60)
        assert first
        work.leases.release(first)
        assert work.leases.get("scan") is None
        with pytest.raises(LeaseLostError, match="given up"):
            work.leases.check(first)
        again = work.leases.acquire("scan", "a", T0, 60)
        assert again
        assert again.fence == 2
        work.leases.release(first)
        assert work.leases.get("scan") == again


# --- change records

RECORD = ChangeRecord(
    id="CHG-1",
    source="files",
    title=ODD,
    created_at=T0,
    approvals=(Approval(who="ben", decision=ApprovalDecision.APPROVED, at=T0),),
    windows=(Window(start=T0, end=at(60)),),
    scope=(
        Target(
            accounts=("1*",),
            tags={"owner": ("ana", ODD)},
            operations=(DriftKind.CREATED,),
            expected=(
                Expectation(path="/x", equals={"a": [None]}, equals_given=True, min=0.5, max=2),
                Expectation(path="/y", one_of=(1, "b")),
            ),
        ),
    ),
    observations=(Observation(at=T0, approved=True),),
)


def test_a_record_that_vanishes_or_is_set_aside_keeps_its_last_version_and_becomes_stale(store: SqlStore) -> None:
    gone, bad, other = replace(RECORD, id="CHG-2"), replace(RECORD, id="CHG-3"), replace(RECORD, source="register")
    refused = SetAside(place="c.yaml:1:1", problem=ODD, id="CHG-3")
    with store.write() as work:
        work.changes.sync("files", Fetched(records=(RECORD, gone, bad)), at(1))
        work.changes.sync("register", Fetched(records=(other,)), at(1))
        for minute in (2, 3):
            work.changes.sync("files", Fetched(records=(RECORD,), set_aside=(refused,)), at(minute))
    with store.read() as work:
        stale = [replace(gone, stale_since=at(2)), replace(bad, stale_since=at(2))]
        assert list(work.changes.records()) == [RECORD, *stale, other]
        assert work.changes.get("CHG-2") == stale[0]
        assert work.changes.get("CHG-9") is None
        assert list(work.changes.sources()) == [
            SourceStatus(name="files", last_success_at=at(3), last_attempt_at=at(3), records=1, set_aside=(refused,)),
            SourceStatus(name="register", last_success_at=at(1), last_attempt_at=at(1), records=1),
        ]


def test_a_source_that_is_configured_no_longer_is_forgotten_and_its_records_allow_nothing_more(store: SqlStore) -> None:
    other = replace(RECORD, id="CHG-2", source="register")
    with store.write() as work:
        work.changes.sync("files", Fetched(records=(RECORD,)), at(1))
        work.changes.sync("register", Fetched(records=(other,)), at(1))
        assert list(work.changes.keep_only(["files", "register"], at(2))) == []
        assert list(work.changes.keep_only(["files"], at(2))) == ["register"]
        assert list(work.changes.keep_only(["files"], at(3))) == []
    with store.read() as work:
        assert list(work.changes.records()) == [RECORD, replace(other, stale_since=at(2))]
        assert [source.name for source in work.changes.sources()] == ["files"]


def test_a_record_that_comes_back_or_changes_is_taken_as_it_is_now(store: SqlStore) -> None:
    changed = replace(RECORD, title="another")
    with store.write() as work:
        work.changes.sync("files", Fetched(records=(RECORD,)), at(1))
        work.changes.sync("files", Fetched(records=()), at(2))
        work.changes.sync("files", Fetched(records=(RECORD,)), at(3))
        assert work.changes.get("CHG-1") == RECORD
        work.changes.sync("files", Fetched(records=(changed,)), at(4))
        assert work.changes.get("CHG-1") == changed


def test_of_two_sources_with_one_id_the_present_one_answers(store: SqlStore) -> None:
    other = replace(RECORD, source="register")
    with store.write() as work:
        work.changes.sync("files", Fetched(records=(RECORD,)), at(1))
        work.changes.sync("register", Fetched(records=(other,)), at(1))
        work.changes.sync("files", Fetched(records=()), at(2))
        assert work.changes.get("CHG-1") == other


def test_a_failed_source_keeps_its_records_and_says_so(store: SqlStore) -> None:
    with store.write() as work:
        work.changes.failed("files", ODD, T0)
        assert list(work.changes.sources()) == [SourceStatus(name="files", last_success_at=None, last_attempt_at=T0, error=ODD)]
        work.changes.sync("files", Fetched(records=(RECORD,)), at(1))
        work.changes.failed("files", "no route", at(2))
        status = SourceStatus(name="files", last_success_at=at(1), last_attempt_at=at(2), records=1, error="no route")
        assert list(work.changes.sources()) == [status]
        assert list(work.changes.records()) == [RECORD]


# --- policies


def test_every_policy_that_was_in_force_is_kept(store: SqlStore) -> None:
    with store.write() as work:
        assert work.policies.active() is None
        work.policies.activate("p1", {"x": ODD}, at(1))
        work.policies.activate("p1", {"x": ODD}, at(2))
        assert work.policies.active() == ("p1", {"x": ODD}, at(1))
        work.policies.activate("p2", {}, at(3))
        work.policies.activate("p1", {"x": ODD}, at(4))
        assert work.policies.active() == ("p1", {"x": ODD}, at(4))
        assert work.policies.get("p2") == {}
        assert work.policies.get("p3") is None
        with pytest.raises(StoreError, match="other contents"):
            work.policies.activate("p1", {"x": 2}, at(5))
