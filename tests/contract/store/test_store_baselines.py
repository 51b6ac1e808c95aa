"""Baseline versions: written once, found through their ancestors, one active per name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from driftwatch.domain.baseline import (
    Assurance,
    BaselineApproval,
    BaselineState,
    BaselineVersion,
    Disposition,
    IncludedDrift,
    Method,
    Omission,
)
from driftwatch.domain.change import ApprovalDecision
from driftwatch.domain.resource import Cell
from driftwatch.errors import StoreError
from driftwatch.ports import UnitOfWork
from driftwatch.stores.store import SqlStore
from tests.contract.store.samples import ODD, T0, add, at, cell, entries, fingerprint, part, prints, put, version

A, B, C = cell("A"), cell("B"), cell("C")
APPROVAL = BaselineApproval(
    who="ben", decision=ApprovalDecision.APPROVED, at=T0, content_hash="00", role="owner", method=Method.SSH, assurance=Assurance.SIGNED
)


def history(work: UnitOfWork) -> None:
    """v1 has A, B and C; v2 changes A and removes B; v3 brings B back."""
    add(work, version("v1", {A: {"a": 1}, B: {"b": 1}, C: {"c": 1}}), {A: {"a": 1}, B: {"b": 1}, C: {"c": 1}})
    add(work, version("v2", {A: {"a": 2}}, parent="v1", removed=(B,)), {A: {"a": 2}})
    add(work, version("v3", {B: {"b": 3}}, parent="v2"), {B: {"b": 3}})


VERSIONS: Mapping[str, Mapping[Cell, Mapping[str, int]]] = {
    "v1": {A: {"a": 1}, B: {"b": 1}, C: {"c": 1}},
    "v2": {A: {"a": 2}, C: {"c": 1}},
    "v3": {A: {"a": 2}, B: {"b": 3}, C: {"c": 1}},
}


def test_a_version_comes_back_as_it_was_added(store: SqlStore) -> None:
    full = replace(
        version("v1", {A: {"a": 1}, B: {}}),
        bootstrap=True,
        omissions=(Omission(cell=C, reason=ODD, by="ana"),),
        included=(IncludedDrift(drift="d1", verdict="unauthorized", actors=("x",), disposition=Disposition(kind="ratified", by="ben")),),
        approvals=(APPROVAL,),
        records=("CHG-1", ODD),
        note=ODD,
    )
    child = replace(version("v2", {}, parent="v1", removed=(B,)), parent_hash="00")
    with store.write() as work:
        work.baselines.add(full)
        work.baselines.add(child)
    with store.read() as work:
        assert work.baselines.get("v1") == full
        assert work.baselines.get("v2") == child
        assert work.baselines.get("v3") is None
        assert list(work.baselines.versions("main")) == [replace(child, removed=()), replace(full, cells=())]
        assert list(work.baselines.versions("other")) == []


def test_pages_of_versions_hold_each_once_the_newest_first(store: SqlStore) -> None:
    """All were made at one time: it is the order in which they were added that counts."""
    with store.write() as work:
        for number in (3, 1, 4, 2, 5):
            work.baselines.add(version(f"v{number}", {}))
        work.baselines.add(version("other", {}, name="another"))
        work.baselines.set_state("v4", BaselineState.REJECTED)
    with store.read() as work:
        page = work.baselines.page
        assert [item.id for item in page("main", (), None, 2)] == ["v5", "v2"]
        assert [item.id for item in page("main", (), "v2", 2)] == ["v4", "v1"]
        assert [item.id for item in page("main", (), "v1", 2)] == ["v3"]
        assert list(page("main", (), "v3", 2)) == list(page("main", (), "unknown", 2)) == []
        assert [item.id for item in page("main", (BaselineState.REJECTED,), None, 9)] == ["v4"]
        assert list(page("main", (), None, 9)) == list(work.baselines.versions("main"))


def test_the_cells_of_a_version_are_its_own_and_its_ancestors(store: SqlStore) -> None:
    with store.write() as work:
        history(work)
        for id_, cells in VERSIONS.items():
            assert work.baselines.cells(id_) == {where: part(where, values) for where, values in cells.items()}
            for where in (A, B, C):
                expected = entries(cells[where]) if where in cells else []
                assert list(work.baselines.entries(id_, where)) == expected
        assert work.baselines.cells("v4") == {}


def test_activation_changes_what_is_compared_with(store: SqlStore) -> None:
    """Step by step, and from one that is not its parent: what is compared with is always the whole active version."""
    with store.write() as work:
        put(work, A, {"a": 2})
        put(work, B, {"b": 3})
        for id_ in ("v1", "v2", "v3"):
            new = {
                "v1": version("v1", VERSIONS["v1"]),
                "v2": version("v2", {A: {"a": 2}}, parent="v1", removed=(B,)),
                "v3": version("v3", {B: {"b": 3}}, parent="v2"),
            }[id_]
            add(work, new, {item.cell: VERSIONS[id_][item.cell] for item in new.cells}, activate=False)
        seen = []
        for id_ in ("v1", "v2", "v3", "v1", "v3"):
            work.baselines.activate(id_)
            active = work.baselines.active("main")
            assert active
            assert active.id == id_
            seen.append([len(list(work.observations.mismatches(where, "main"))) for where in (A, B, C)])
    # B is unbaselined under v2; C was never read, so that its one resource is gone in every version
    assert seen == [[1, 1, 1], [0, 0, 1], [0, 0, 1], [1, 1, 1], [0, 0, 1]]


def test_activation_supersedes_the_former_and_only_that_name(store: SqlStore) -> None:
    with store.write() as work:
        history(work)
        add(work, version("o1", {A: {"a": 5}}, name="other"), {A: {"a": 5}})
        work.baselines.activate("v3")
        states = {item.id: item.state for item in (*work.baselines.versions("main"), *work.baselines.versions("other"))}
    assert states == {
        "v1": BaselineState.SUPERSEDED,
        "v2": BaselineState.SUPERSEDED,
        "v3": BaselineState.ACTIVE,
        "o1": BaselineState.ACTIVE,
    }


def test_a_version_without_its_contents_cannot_become_active(store: SqlStore) -> None:
    """Every resource of such a cell would look new."""
    with store.write() as work:
        work.baselines.add(version("v1", {A: {"a": 1}}))

    def stubborn() -> None:
        with store.write() as work, pytest.raises(StoreError, match="never written"):
            work.baselines.activate("v1")

    with pytest.raises(StoreError, match="nothing more of it"):
        stubborn()
    with store.read() as work:
        assert work.baselines.active("main") is None


@pytest.mark.parametrize("state", [BaselineState.APPROVED, BaselineState.ACTIVE, BaselineState.SUPERSEDED])
def test_what_was_approved_cannot_be_altered(store: SqlStore, state: BaselineState) -> None:
    with store.write() as work:
        add(work, version("v1", {A: {"a": 1}}), {A: {"a": 1}}, activate=state is not BaselineState.APPROVED)
        if state is BaselineState.APPROVED:
            work.baselines.set_state("v1", state)
        if state is BaselineState.SUPERSEDED:
            add(work, version("v2", {}, parent="v1"), {})
    with store.write() as work:
        attempts: tuple[Callable[[], None], ...] = (
            lambda: work.baselines.put_cell("v1", part(A, {"a": 1}), entries({"a": 1})),
            lambda: work.baselines.put_cell("v1", part(A, {"a": 2}), entries({"a": 2})),
            lambda: work.baselines.put_cell("v1", part(B, {"b": 2}), entries({"b": 2})),
            lambda: work.baselines.add(version("v1", {A: {"a": 2}})),
            lambda: work.baselines.set_included("v1", []),
        )
        for attempt in attempts:
            with pytest.raises(StoreError):
                attempt()
    with store.read() as work:
        assert prints(work.baselines.entries("v1", A)) == {"a": fingerprint(1)}
        assert work.baselines.cells("v1") == {A: part(A, {"a": 1})}


@pytest.mark.parametrize("wrong", [{"a": 2}, {"a": 1, "b": 1}, {}])
def test_contents_that_are_not_those_that_the_version_names_are_refused(store: SqlStore, wrong: dict[str, int]) -> None:
    with pytest.raises(StoreError, match="another digest"), store.write() as work:
        work.baselines.put_cell("v1", part(A, {"a": 1}), entries(wrong))


def test_contents_may_be_written_before_their_version(store: SqlStore) -> None:
    with store.write() as work:
        work.baselines.put_cell("v1", part(A, {"a": 1}), iter(entries({"a": 1})))
        work.baselines.add(version("v1", {A: {"a": 1}}))
        work.baselines.activate("v1")
        assert prints(work.baselines.entries("v1", A)) == {"a": fingerprint(1)}


def test_a_version_that_names_other_contents_than_were_written_is_refused(store: SqlStore) -> None:
    with store.write() as work:
        work.baselines.put_cell("v1", part(A, {"a": 1}), entries({"a": 1}))
    with pytest.raises(StoreError, match="does not name"), store.write() as work:
        work.baselines.add(version("v1", {A: {"a": 2}}))


def orphan() -> BaselineVersion:
    return version("v1", {}, parent="nobody")


@pytest.mark.parametrize("new", [orphan(), version("v1", {}, parent="v1"), replace(version("v1", {}), state=BaselineState.ACTIVE)])
def test_a_version_without_its_parent_or_already_active_is_refused(store: SqlStore, new: BaselineVersion) -> None:
    """Cells that only an unknown parent has would silently be unbaselined."""
    with pytest.raises(StoreError), store.write() as work:
        work.baselines.add(new)


def test_only_activation_leads_into_or_out_of_active(store: SqlStore) -> None:
    with store.write() as work:
        history(work)
        for id_, state in (("v3", BaselineState.WITHDRAWN), ("v1", BaselineState.ACTIVE), ("v9", BaselineState.PROPOSED)):
            with pytest.raises(StoreError):
                work.baselines.set_state(id_, state)
        active = work.baselines.active("main")
    assert active
    assert active.id == "v3"


def test_approvals_are_appended_and_dispositions_filled_in(store: SqlStore) -> None:
    included = (IncludedDrift(drift="d1", verdict="unauthorized"),)
    accepted = (replace(included[0], disposition=Disposition(kind="risk_accepted", by="ben")),)
    later = replace(APPROVAL, who="cyd", at=at(5), role=None)
    with store.write() as work:
        work.baselines.add(replace(version("v1", {}), included=included))
        work.baselines.add_approval("v1", APPROVAL)
        work.baselines.add_approval("v1", later)
        work.baselines.set_included("v1", accepted)
        with pytest.raises(StoreError, match="other drifts"):
            work.baselines.set_included("v1", (*accepted, IncludedDrift(drift="d2", verdict="authorized")))
        found = work.baselines.get("v1")
    assert found
    assert found.approvals == (APPROVAL, later)
    assert found.included == accepted
