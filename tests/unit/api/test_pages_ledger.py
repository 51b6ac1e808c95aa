"""The page of the ledger: to auditors of everything, every entry once with its hash, and what is wrong told in its place."""

from __future__ import annotations

import hashlib
import re
from functools import partial
from html import unescape

import pytest
from sqlalchemy import text as sql

from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.domain.baseline import Actor, Method
from driftwatch.domain.ledger import Checkpoint
from driftwatch.errors import DriftwatchError
from driftwatch.operations import ledger, ledger_pages
from tests.fakes import FakeCheckpointSigner
from tests.unit.api.caller import Stage
from tests.unit.api.pages import HOSTILE, assert_sound, page, signed_in, text
from tests.world import ACCOUNT, ANA, BEN, World

CLEO = Actor(person="cleo", method=Method.OS_USER)


class Place:
    """A second place that holds what the test says."""

    remembers = True

    def __init__(self, name: str, last: Checkpoint | None = None, error: str = "") -> None:
        self.name, self._last, self._error = name, last, error

    def last(self) -> Checkpoint | None:
        if self._error:
            raise DriftwatchError(self._error)
        return self._last


def write(world: World, count: int, kind: str = "test", person: str = "ana") -> None:
    with world.store.write() as uow:
        for number in range(count):
            uow.ledger.append(world.now, kind, {"number": number, "big": 2**70, "person": person})


@pytest.fixture
def stage() -> Stage:
    world = World()
    world.change(checkpoint_signer=FakeCheckpointSigner())
    made = signed_in(Stage(world), CLEO)
    write(world, 120 - len(world.ledger()))
    return made


def seqs(html: str) -> list[int]:
    return [int(item) for item in re.findall(r"<tr>\s*<td>(\d+)</td>", html)]


def following(html: str) -> str | None:
    found = re.search(r'rel="next" href="([^"]+)"', html)
    return found[1].replace("&amp;", "&") if found else None


def tampered(stage: Stage, *statements: str) -> None:
    with stage.world.store._engine.connect().execution_options(driftwatch_write=True) as connection, connection.begin():
        for what in ("update", "delete", "replace"):
            connection.execute(sql(f"DROP TRIGGER ledger_no_{what}"))
        for statement in statements:
            connection.execute(sql(statement))


def walked(stage: Stage, path: str) -> list[int]:
    found: list[int] = []
    way: str | None = path
    while way:
        html = text(stage, way)
        found += seqs(html)
        way = following(html)
    return found


def test_every_entry_comes_once_the_newest_first_with_its_hash(stage: Stage) -> None:
    assert walked(stage, "/ledger") == list(range(120, 0, -1))
    head = stage.get("/ledger/head", "cleo").json()["head"]
    html = text(stage, "/ledger")
    assert html.count(head["hash"]) == 2
    assert f"{2**70}" in html
    before, hashed = unescape(html.split("<pre>")[1].split("</pre>")[0]).split("\n", 1)
    assert hashlib.sha256(f"{before}\n{hashed}".encode()).hexdigest() == head["hash"], "what is shown is what was hashed"
    assert_sound(page(stage, "/ledger").text)


def test_one_kind_or_person_is_found_behind_all_others(stage: Stage) -> None:
    write(stage.world, 3, "rare", "ben")
    write(stage.world, 60)
    assert walked(stage, "/ledger?kind=rare") == [123, 122, 121] == walked(stage, "/ledger?person=ben&kind=")
    assert walked(stage, "/ledger?kind=rare&person=ana") == []
    assert "None of these is so" in text(stage, "/ledger?kind=rare&person=ana")
    assert seqs(text(stage, "/ledger?before=3")) == [2, 1]
    assert seqs(text(stage, "/ledger?before=0")) == seqs(text(stage, "/ledger?before=1")) == []
    assert page(stage, "/ledger?before=-1").status_code == 422


def test_one_page_looks_at_so_many_and_the_next_goes_on_behind_them(stage: Stage) -> None:
    write(stage.world, 1, "rare")
    write(stage.world, 40)
    ask = partial(ledger_pages.latest, stage.world.installation, limit=10, kind="rare", most=30)
    first = ask(162)
    assert (first.entries, first.down_to, first.following) == ((), 132, 132)
    second = ask(132)
    assert [item["seq"] for item in second.entries] == [121]
    assert ask(second.following or 0).following is not None
    assert (ask(20).down_to, ask(20).following) == (1, None)


def test_an_empty_ledger_has_a_page() -> None:
    stage = signed_in(Stage(World()), CLEO)
    tampered(stage, "DELETE FROM ledger")
    assert "There is no entry" in text(stage, "/ledger")


def test_what_was_damaged_or_removed_is_told_in_its_place(stage: Stage) -> None:
    tampered(stage, "UPDATE ledger SET hashed = x'00' WHERE seq = 110", "DELETE FROM ledger WHERE seq IN (100, 101)")
    html = text(stage, "/ledger")
    assert re.search(r"<td>110</td>.*damaged", html)
    assert "2 entries were removed here" in html
    assert walked(stage, "/ledger") == [seq for seq in range(120, 0, -1) if seq not in (100, 101)]
    assert 110 in seqs(text(stage, "/ledger?kind=rare")), "whatever was asked for"


def test_it_says_how_much_is_signed_and_where_that_was_exported(stage: Stage) -> None:
    assert "nothing of it is signed yet" in text(stage, "/ledger")
    first = ledger.checkpoint(stage.world.installation)
    second = ledger.checkpoint(stage.world.installation)
    write(stage.world, 5)
    named = {"whole": Place("whole", second), "late": Place("late", first), "new": Place("new"), "away": Place("away", error="no disk")}
    stage.world.change(checkpoint_places=tuple(named.values()))
    html = text(stage, "/ledger")
    assert f"signed over entry {second.seq}; 5 entries since" in html
    for name, said in (("whole", "all"), ("late", "behind"), ("new", "nothing yet"), ("away", "no disk")):
        assert said in html.split(f"Exported to {name}</dt>")[1].split("</dd>")[0]


def test_the_proof_that_it_offers_is_of_the_entries_that_it_shows(stage: Stage) -> None:
    html = text(stage, "/ledger?before=100")
    first, last = (int(re.findall(rf'name="{name}" type="number" min="1" value="(\d+)"', html)[0]) for name in ("from", "until"))
    assert (first, last) == (50, 99)
    answer = stage.client.get("/api/v1/ledger/proof", params={"from": first, "until": last})
    assert answer.headers["driftwatch-ledger-range"]


def test_it_is_for_auditors_of_all_accounts_and_in_nobody_elses_menu() -> None:
    world = World(accounts=[ACCOUNT, "222222222222"])
    access = (
        Access(role=Role.AUDITOR, to=("ana",), accounts=(ACCOUNT,)),
        Access(role=Role.APPROVER, to=("ben",)),
        Access(role=Role.AUDITOR, to=("cleo",)),
    )
    for actor, status in ((ANA, 403), (BEN, 403), (CLEO, 200)):
        stage = signed_in(Stage(world, access), actor)
        assert page(stage, "/ledger").status_code == status
        assert ('href="/ledger"' in page(stage, "/findings").text) is (status == 200)
    assert world.ledger().count("attempt_denied") == 2


def test_what_entries_say_is_text(stage: Stage) -> None:
    whole = "".join(HOSTILE)
    with stage.world.store.write() as uow:
        uow.ledger.append(
            stage.world.now, whole, {"person": whole, "record": whole, "x": {whole: [whole, "\ud800"]}, "long": "y" * 100_000}
        )
    html = page(stage, "/ledger").text
    assert_sound(html)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert len(html.encode()) < 300_000
    assert_sound(page(stage, "/ledger?kind=%3Cscript%3E&person=%E2%80%AE").text)
