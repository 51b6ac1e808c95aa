"""Every change of every shape is found under its own pointer, and a quiet world stays silent (promise P3, F10, F17, F18)."""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from driftwatch.domain.drift import Op
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.resource import Cell, Scope
from driftwatch.domain.snapshot import CellState
from tests.world import ACCOUNT, World

SEED = int(os.environ.get("DRIFTWATCH_TEST_SEED", "20260310"))
CHANGES = int(os.environ.get("DRIFTWATCH_TEST_CHANGES", "200"))
QUIET_SCANS = 30

RULES = Normalisation(
    tags="TagList",
    drop=("Status",),
    lift={"Attributes": ("Key", "Value")},
    sets={"Ingress": ("Protocol", "Port"), "Ingress[].Ranges": ("Cidr",), "Subnets": ()},
    ordered=("Layers",),
    json={"Policy": "iam-policy", "Options": "json"},
    secret={"Variables": "map-values"},
)
CELLS = [
    Cell(scope=Scope(account=ACCOUNT, region=region), type=type_) for region in ("eu-west-1", "us-east-1") for type_ in ("A::A", "B::B")
]
PER_CELL = 60


def document(number: int) -> dict[str, Any]:
    """What an API answers, with every shape that a catalogue entry knows."""
    ranges = [{"Cidr": f"10.{number}.0.0/16", "Note": "office"}, {"Cidr": "192.168.0.0/24", "Note": "home"}]
    return {
        "Name": f"n{number}",
        "Size": number,
        "Enabled": True,
        "Nothing": None,
        "Ratio": 0.5,
        "Deep": {"Er": {"And": {"Deeper": "x"}}},
        "Status": "ready",
        "TagList": [{"Key": "owner", "Value": "web"}, {"Key": "a/b*", "Value": "odd"}],
        "Attributes": [{"Key": "idle", "Value": "60"}, {"Key": "logs", "Value": "off"}],
        "Ingress": [
            {"Protocol": "tcp", "Port": 443, "Ranges": ranges},
            {"Protocol": "tcp", "Port": 22, "Ranges": []},
        ],
        "Subnets": ["s-1", "s-2", "s-3"],
        "Layers": ["one", "two"],
        "Policy": '{"Statement": [{"Sid": "Read", "Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*"}]}',
        "Options": '{"retries": 3, "nested": {"on": true}}',
        "Variables": {"URL": "postgres://secret", "MODE": "fast"},
    }


Change = Callable[[dict[str, Any]], None]


def _set(*path: Any, to: Any) -> Change:
    def change(document_: dict[str, Any]) -> None:
        place: Any = document_
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


def _drop(*path: Any) -> Change:
    def change(document_: dict[str, Any]) -> None:
        place: Any = document_
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


def _policy(text: str) -> Change:
    return _set("Policy", to=text)


PLANTED: dict[str, tuple[Change, set[tuple[str, Op]]]] = {
    "a number": (_set("Size", to=-1), {("/Size", Op.REPLACE)}),
    "a flag": (_set("Enabled", to=False), {("/Enabled", Op.REPLACE)}),
    "a flag becomes a number": (_set("Enabled", to=1), {("/Enabled", Op.REPLACE)}),
    "a number becomes text": (_set("Ratio", to="half"), {("/Ratio", Op.REPLACE)}),
    "a fraction": (_set("Ratio", to=0.25), {("/Ratio", Op.REPLACE)}),
    "null, which is as good as absent, becomes empty": (_set("Nothing", to=""), {("/Nothing", Op.ADD)}),
    "far inside": (_set("Deep", "Er", "And", "Deeper", to="y"), {("/Deep/Er/And/Deeper", Op.REPLACE)}),
    "a member of a map is gone": (_drop("Deep", "Er", "And", "Deeper"), {("/Deep/Er/And/Deeper", Op.REMOVE)}),
    "a member that nobody knew": (_set("Invented", to={"Next": "year"}), {("/Invented", Op.ADD)}),
    "a member is gone": (_drop("Layers"), {("/Layers", Op.REMOVE)}),
    "a tag": (_set("TagList", 0, "Value", to="db"), {("/Tags/owner", Op.REPLACE)}),
    "a tag with special characters": (_set("TagList", 1, "Value", to="x"), {("/Tags/a~1b%2A", Op.REPLACE)}),
    "a new tag": (lambda doc: doc["TagList"].append({"Key": "new", "Value": ""}), {("/Tags/new", Op.ADD)}),
    "a tag is gone": (_drop("TagList", 0), {("/Tags/owner", Op.REMOVE)}),
    "a lifted attribute": (_set("Attributes", 0, "Value", to="61"), {("/Attributes/idle", Op.REPLACE)}),
    "a keyed element is gone": (_drop("Ingress", 1), {("/Ingress/tcp|22", Op.REMOVE)}),
    "a keyed element's inner element": (
        lambda doc: doc["Ingress"][1]["Ranges"].append({"Cidr": "0.0.0.0/0", "Note": ""}),
        {("/Ingress/tcp|22/Ranges/0.0.0.0~10", Op.ADD)},
    ),
    "a value inside an inner element": (
        _set("Ingress", 0, "Ranges", 1, "Note", to="new"),
        {("/Ingress/tcp|443/Ranges/192.168.0.0~124/Note", Op.REPLACE)},
    ),
    "a new keyed element": (
        lambda doc: doc["Ingress"].append({"Protocol": "udp", "Port": 53, "Ranges": []}),
        {("/Ingress/udp|53", Op.ADD)},
    ),
    "an element of a set is exchanged": (_set("Subnets", 0, to="s-9"), {("/Subnets/s-1", Op.REMOVE), ("/Subnets/s-9", Op.ADD)}),
    "the order of an ordered list": (_set("Layers", to=["two", "one"]), {("/Layers", Op.REPLACE)}),
    "an action of a policy": (
        _policy('{"Statement": [{"Sid": "Read", "Effect": "Allow", "Action": ["s3:*", "s3:Get*", "s3:List*"], "Resource": "*"}]}'),
        {("/Policy/Statement/Read/Action/s3:%2A", Op.ADD)},
    ),
    "an embedded value": (_set("Options", to='{"nested": {"on": false}, "retries": 3}'), {("/Options/nested/on", Op.REPLACE)}),
    "a secret": (_set("Variables", "URL", to="postgres://other"), {("/Variables/URL", Op.REPLACE)}),
    "a new secret": (_set("Variables", "KEY", to="k"), {("/Variables/KEY", Op.ADD)}),
}


def planted_world(chance: random.Random | None = None) -> tuple[World, dict[Cell, dict[str, dict[str, Any]]]]:
    world = World()
    really = {cell: {f"id-{number}": document(number) for number in range(PER_CELL)} for cell in CELLS}
    world.collector.normalisations = {cell.type: RULES for cell in CELLS}
    world.collector.batch_size = 50
    world.collector.world = copy.deepcopy(really)
    world.scan()
    world.baseline()
    return world, really


def test_every_planted_change_is_found_in_one_scan_under_exactly_its_pointer() -> None:
    print("seed", SEED)
    chance = random.Random(SEED)
    world, _ = planted_world()
    assert world.scan().exit_code == 0
    places = chance.sample([(cell, f"id-{number}") for cell in CELLS for number in range(PER_CELL)], CHANGES)
    names = [name for _ in range(CHANGES // len(PLANTED) + 1) for name in PLANTED][:CHANGES]
    for (cell, id_), name in zip(places, names, strict=True):
        PLANTED[name][0](world.collector.world[cell][id_])
    assert world.scan().exit_code == 2
    found = {(finding.cell, finding.resource): {(item.path, item.op) for item in finding.drift.changes} for finding in world.live()}
    assert found == {place: PLANTED[name][1] for place, name in zip(places, names, strict=True)}
    assert {world.state(cell).state for cell in CELLS} == {CellState.DRIFTED}
    assert "postgres://" not in str(world.live()), "a secret's value is compared, never shown"


def test_a_quiet_world_in_any_order_is_silent_and_costs_no_row() -> None:
    print("seed", SEED)
    chance = random.Random(SEED)
    world, really = planted_world()
    with world.store.read() as uow:
        before = {cell: list(uow.observations.present(cell)) for cell in CELLS}
    for _ in range(QUIET_SCANS):
        world.collector.world = {cell: _shuffled(really[cell], chance) for cell in CELLS}
        assert world.scan().exit_code == 0
    with world.store.read() as uow:
        assert {cell: list(uow.observations.present(cell)) for cell in CELLS} == before
    assert not world.live()
    assert "finding_opened" not in world.ledger()


def _shuffled(documents: dict[str, dict[str, Any]], chance: random.Random) -> dict[str, dict[str, Any]]:
    """The same resources, their members and unordered lists in another order, and what is dropped with another value."""
    answer = {}
    for id_ in chance.sample(list(documents), len(documents)):
        answer[id_] = _mixed(documents[id_], chance) | {"Status": chance.choice(["ready", "busy"])}
    return answer


def _mixed(value: Any, chance: random.Random, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _mixed(value[key], chance, key) for key in chance.sample(list(value), len(value))}
    if isinstance(value, list) and name != "Layers":
        return [_mixed(item, chance) for item in chance.sample(value, len(value))]
    return value


# --- values that break stores ------------------------------------------------------------------------------------------------------------


ODD = {
    "nul": "a\x00b",
    "lone surrogate": "a\ud800b",
    "controls": "\x01\x1b[31m",
    "astral": "\U0001f600",
    "huge number": 10**40,
    "bidi": "\u202e",
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_value_is_stored_whole_and_has_the_same_fingerprint_after_a_reload(tmp_path, name: str) -> None:  # type: ignore[no-untyped-def]
    world = World(url=f"sqlite:///{tmp_path}/driftwatch.db")
    cell = CELLS[0]
    world.put(cell, "one", Value=ODD[name], **{str(ODD[name]): 1})
    world.scan()
    world.baseline()
    assert world.scan().exit_code == 0
    with world.store.read() as uow:
        (stored,) = uow.observations.present(cell)
        config = uow.documents.get(stored.fingerprint)["config"]  # refused if its bytes have another hash
    assert config["Value"] == ODD[name]
    assert world.collector.resource(cell, "one", world.collector.world[cell]["one"]).fingerprint == stored.fingerprint
    world.put(cell, "one", Value="plain", **{str(ODD[name]): 1})
    assert world.scan().exit_code == 2
    (finding,) = world.live()
    assert [change.before for change in finding.drift.changes] == [ODD[name]]
