"""What every change source keeps; an adapter is found by being a module, and has to say here how to stage it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from driftwatch import plugins
from driftwatch.documents.changes import parse
from driftwatch.domain.change import ChangeRecord
from driftwatch.errors import InputError, SourceError
from driftwatch.ports import ChangeSource
from driftwatch.stores.store import open_store
from tests.builders import at

PACKAGE = "driftwatch.change_sources"
GOOD = "id: {id}\ncreated_at: 2026-03-09T09:00:00Z\nsource: elsewhere\n"


@dataclass
class Stage:
    """A source with what it reads: `put` a record's text under a name, `take` it away, `lose` the source as a whole.

    `guarded`: a bad record and a second one of an id are refused where they would come in, so that the source never sees them. Without
    `take` the source never forgets a record.
    """

    source: ChangeSource
    put: Callable[[str, str], None]
    take: Callable[[str], None] | None
    lose: Callable[[], None]
    guarded: bool = False


def stage_files(folder: Path) -> Stage:
    adapter = plugins.load(PACKAGE, "files")
    root = folder / "changes"
    root.mkdir()
    return Stage(
        source=adapter.create("tickets", adapter.Settings(path=root)),
        put=lambda name, text: (root / f"{name}.yaml").write_text(text) and None,
        take=lambda name: (root / f"{name}.yaml").unlink(),
        lose=lambda: root.rename(folder / "gone") and None,
    )


def stage_register(folder: Path) -> Stage:
    adapter = plugins.load(PACKAGE, "register")
    store = open_store(f"sqlite:///{folder / 'driftwatch.db'}")
    names: dict[str, str] = {}

    def put(name: str, text: str) -> None:
        record = parse_one(text)
        if record.id in names.values() and name not in names:
            raise InputError(f"the id {record.id} is taken")
        with store.write() as uow:
            known = uow.register.get(record.id)
            uow.register.save(replace(record, raw_hash=text), known[1] + 1 if known else 1, at("03-10 12:00"))
        names[name] = record.id

    def lose() -> None:
        store.close()
        (folder / "driftwatch.db").unlink()
        (folder / "driftwatch.db").mkdir()

    return Stage(source=adapter.create("tickets", adapter.Settings(), store=store), put=put, take=None, lose=lose, guarded=True)


def parse_one(text: str) -> ChangeRecord:
    fetched = parse(text.encode(), "text")
    if fetched.set_aside:
        raise InputError(fetched.set_aside[0].problem)
    return fetched.records[0]


STAGES: Mapping[str, Callable[[Path], Stage]] = {"files": stage_files, "register": stage_register}


@pytest.fixture(params=plugins.words(PACKAGE))
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    assert request.param in STAGES, f"say in STAGES how the source {request.param} is staged"
    return STAGES[request.param](tmp_path)


def by_id(source: ChangeSource) -> dict[str, ChangeRecord]:
    return {record.id: record for record in source.fetch().records}


def test_an_adapter_has_settings_and_create() -> None:
    for word in plugins.words(PACKAGE):
        module = plugins.load(PACKAGE, word)
        assert issubclass(module.Settings, BaseModel)
        assert all(field.description for field in module.Settings.model_fields.values())
        assert callable(module.create)


def test_an_empty_source_is_read_with_success(stage: Stage) -> None:
    fetched = stage.source.fetch()
    assert (fetched.records, fetched.set_aside) == ((), ())


def test_records_carry_the_name_of_their_source(stage: Stage) -> None:
    stage.put("one", GOOD.format(id="A"))
    assert by_id(stage.source)["A"].source == stage.source.name == "tickets"


def test_every_fetch_shows_what_the_source_holds_now(stage: Stage) -> None:
    stage.put("one", GOOD.format(id="A"))
    stage.put("two", GOOD.format(id="B"))
    first = by_id(stage.source)
    stage.put("one", GOOD.format(id="A") + "title: changed\n")
    if stage.take:
        stage.take("two")
    second = by_id(stage.source)
    assert (set(first), set(second)) == ({"A", "B"}, {"A"} if stage.take else {"A", "B"})
    assert first["A"].raw_hash != second["A"].raw_hash


def test_a_bad_record_does_not_hide_the_good_ones(stage: Stage) -> None:
    stage.put("one", GOOD.format(id="A"))
    if stage.guarded:
        with pytest.raises(InputError):
            stage.put("two", "id: B\ncreated_at: soon\n")
        assert set(by_id(stage.source)) == {"A"}
        return
    stage.put("two", "id: B\ncreated_at: soon\n")
    fetched = stage.source.fetch()
    assert [record.id for record in fetched.records] == ["A"]
    assert [aside.id for aside in fetched.set_aside] == ["B"]
    assert fetched.set_aside[0].place in fetched.set_aside[0].problem or fetched.set_aside[0].problem


def test_an_id_that_stands_twice_authorises_nothing(stage: Stage) -> None:
    stage.put("one", GOOD.format(id="A"))
    if stage.guarded:
        with pytest.raises(InputError):
            stage.put("two", GOOD.format(id="A"))
        assert set(by_id(stage.source)) == {"A"}
        return
    stage.put("two", GOOD.format(id="A"))
    fetched = stage.source.fetch()
    assert not fetched.records
    assert {aside.id for aside in fetched.set_aside} == {"A"}
    places = [aside.place for aside in fetched.set_aside]
    assert all(place in aside.problem for aside in fetched.set_aside for place in places)


def test_a_source_that_is_gone_is_an_error_and_not_an_empty_one(stage: Stage) -> None:
    stage.put("one", GOOD.format(id="A"))
    stage.lose()
    with pytest.raises(SourceError) as error:
        stage.source.fetch()
    assert error.value.retryable
