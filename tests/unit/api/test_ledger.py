"""/ledger: every entry and checkpoint to an auditor of all accounts, and proofs of a part that hold without the rest."""

from __future__ import annotations

import hashlib

import orjson
import pytest
from sqlalchemy import text

from driftwatch.api.routes.ledger import MOST_PROVED
from driftwatch.api.schemas import ledger as schemas
from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.operations import ledger, ledger_proof
from tests.fakes import FakeCheckpointSigner
from tests.unit.api.caller import Stage
from tests.unit.api.shapes import fits
from tests.world import ACCOUNT, World

PATHS = ["/ledger/head", "/ledger/entries", "/ledger/checkpoints", "/ledger/proof"]


def write(world: World, count: int = 1) -> None:
    with world.store.write() as uow:
        for number in range(count):
            uow.ledger.append(world.now, "test", {"number": number, "big": 2**70})


@pytest.fixture
def stage() -> Stage:
    """Entries with a checkpoint behind each tenth of them, and five behind the last one."""
    world = World()
    world.change(checkpoint_signer=FakeCheckpointSigner())
    made = Stage(world)
    made.secret("cleo")
    made.secret("ana")
    write(world, 10 - len(world.ledger()))
    for _ in range(3):
        ledger.checkpoint(world.installation)
        write(world, 10)
    write(world, 5)
    return made


def test_the_head_is_that_of_the_store(stage: Stage) -> None:
    shown = stage.get("/ledger/head", "cleo").json()
    assert fits(schemas.Head, shown)
    assert (shown["head"]["seq"], shown["checkpoint"]["number"], shown["checkpoint"]["seq"]) == (45, 3, 30)
    before = shown["head"]["hash"]
    write(stage.world)
    assert stage.get("/ledger/head", "cleo").json()["head"]["hash"] != before


def test_pages_hold_every_entry_once_and_each_chains_to_the_one_before(stage: Stage) -> None:
    seen: list[dict[str, object]] = []
    after = 0
    while True:
        answer = stage.get("/ledger/entries", "cleo", params={"after": after, "limit": 20}).json()
        assert fits(schemas.Entries, answer)
        seen += answer["entries"]
        if answer["next"] is None:
            break
        after = answer["next"]
    assert [entry["seq"] for entry in seen] == list(range(1, 46))
    before = "0" * 64
    for entry in seen:
        assert entry["prev_hash"] == before
        before = hashlib.sha256(f"{before}\n{entry['hashed']}".encode()).hexdigest()
        assert entry["hash"] == before


def test_checkpoints_come_page_by_page(stage: Stage) -> None:
    first = stage.get("/ledger/checkpoints", "cleo", params={"limit": 2}).json()
    assert fits(schemas.Checkpoints, first)
    rest = stage.get("/ledger/checkpoints", "cleo", params={"limit": 2, "after": first["next"]}).json()
    assert [item["seq"] for item in (*first["checkpoints"], *rest["checkpoints"])] == [10, 20, 30]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [({}, 1, 45), ({"from": 12, "until": 13}, 11, 20), ({"from": 11, "until": 20}, 11, 20), ({"from": 44}, 31, 45), ({"until": 99}, 1, 45)],
)
def test_a_proof_is_what_the_command_exports(stage: Stage, query: dict[str, int], first: int, last: int) -> None:
    answer = stage.get("/ledger/proof", "cleo", params=query)
    assert (answer.status_code, answer.headers["driftwatch-ledger-range"]) == (200, f"{first}-{last}")
    assert answer.headers["driftwatch-ledger-verifies"] == "yes"
    exported: list[bytes] = []
    ledger_proof.export(stage.world.installation, exported.append, after=query.get("from", 1) - 1, until=query.get("until"))
    assert answer.content == b"".join(exported)
    seqs = [line["seq"] for line in map(orjson.loads, answer.content.splitlines()) if "seq" in line]
    assert seqs == list(range(first, last + 1))


@pytest.mark.parametrize("query", [{"from": 0}, {"from": "x"}, {"until": 2**63}, {"from": -1}])
def test_a_number_that_is_none_is_refused(stage: Stage, query: dict[str, object]) -> None:
    assert stage.get("/ledger/proof", "cleo", params=query).status_code == 422
    assert stage.get("/ledger/proof", "cleo", params={"from": 9, "until": 8}).status_code == 400
    assert stage.get("/ledger/proof", "cleo", params={"from": 46}).status_code == 404


@pytest.mark.parametrize("path", PATHS[1:3])
@pytest.mark.parametrize("query", [{"after": -1}, {"after": 2**63}, {"after": "x"}, {"limit": 0}, {"limit": 201}])
def test_a_value_that_is_none_is_refused(stage: Stage, path: str, query: dict[str, object]) -> None:
    assert stage.get(path, "cleo", params=query).status_code == 422


@pytest.mark.slow
def test_a_proof_has_a_bound(stage: Stage) -> None:
    write(stage.world, MOST_PROVED)
    answer = stage.get("/ledger/proof", "cleo", params={"from": 40})
    assert answer.status_code == 400
    assert f"at most {MOST_PROVED}" in answer.json()["detail"]
    assert stage.get("/ledger/proof", "cleo", params={"from": 20, "until": 30}).status_code == 200


def test_what_was_tampered_with_is_told_as_it_is(stage: Stage) -> None:
    with stage.world.store._engine.connect().execution_options(driftwatch_write=True) as connection, connection.begin():
        for what in ("update", "delete", "replace"):
            connection.execute(text(f"DROP TRIGGER ledger_no_{what}"))
        connection.execute(text("UPDATE ledger SET hashed = CAST(replace(CAST(hashed AS TEXT), 'test', 'best') AS BLOB) WHERE seq = 22"))
        connection.execute(text("UPDATE ledger SET hashed = x'00' WHERE seq = 44"))
    changed = stage.get("/ledger/proof", "cleo", params={"from": 21, "until": 30})
    assert (changed.status_code, changed.headers["driftwatch-ledger-verifies"]) == (200, "no")
    damaged = stage.get("/ledger/entries", "cleo", params={"after": 40})
    assert damaged.status_code == 503
    assert "entry 44" in damaged.json()["detail"]
    assert [item["seq"] for item in stage.get("/ledger/entries", "cleo", params={"after": 44}).json()["entries"]] == [45]


@pytest.mark.parametrize("path", PATHS)
def test_the_ledger_is_for_auditors_of_all_accounts(path: str) -> None:
    world = World(accounts=[ACCOUNT, "222222222222"])
    stage = Stage(
        world,
        (
            Access(role=Role.AUDITOR, to=("ana",), accounts=(ACCOUNT,)),
            Access(role=Role.APPROVER, to=("ben",)),
            Access(role=Role.AUDITOR, to=("cleo",)),
        ),
    )
    assert [stage.get(path, who).status_code for who in ("ana", "ben", "cleo", None)] == [403, 403, 200, 401]
    assert "attempt_denied" in world.ledger()
