"""What every write of the API refuses, and that nothing is written by a refusal but the ledger's word of a denied attempt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.stores.schema import metadata
from tests.unit.api.caller import Stage

FOREIGN = (Access(role=Role.ADMIN, to=("ana", "ben"), accounts=("222222222222",)),)
"""People who may do everything, elsewhere."""
_OWN = frozenset({"tokens", "sessions", "answers", "ledger"})


@dataclass(frozen=True)
class Act:
    """A write: its path with ``{id}`` for what it is about, and whether it needs `If-Match`."""

    path: str
    conditional: bool = False

    def of(self, id_: str) -> Act:
        return replace(self, path=self.path.replace("{id}", id_))


def rows(stage: Stage) -> dict[str, list[Any]]:
    """Everything that the store holds beside credentials, kept answers and the ledger."""
    with stage.world.store._engine.connect() as connection:
        tables = {name: table for name, table in metadata.tables.items() if name not in _OWN}
        return {name: sorted(map(repr, connection.execute(select(table)))) for name, table in tables.items()}


@contextmanager
def unchanged(stage: Stage, denials: int | None = None, kind: str = "attempt_denied") -> Iterator[None]:
    """Within it nothing is written, but for so many denials in the ledger (None: any number)."""
    for person in ("ana", "ben", "cleo"):
        stage.secret(person)
    before, told = rows(stage), stage.world.ledger()
    yield
    after, new = rows(stage), stage.world.ledger()[len(told) :]
    assert after == before
    assert set(new) <= {kind}
    assert denials is None or len(new) == denials


def refuses(stage: Stage, act: Act, who: str, body: Any, wrong: Sequence[Any], headers: Mapping[str, str]) -> None:
    """The act with everything that a caller can get wrong about it, and still nothing is written."""
    given = dict(headers) if act.conditional else {}
    with unchanged(stage, denials=0):
        for item in wrong:
            answer = stage.post(act.path, item, who, headers=dict(given))
            assert answer.status_code in (400, 422), (item, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
        assert stage.post(act.path, body, None, headers=dict(given)).status_code == 401
        for raw, kind, number in (
            (b"{", "application/json", 400),
            (b"", "application/json", 400),
            (b'{"a": 1, "a": 2}', "application/json", 400),
            (b"{}", "text/plain", 415),
            (b"[]", "application/json", 422),
            (b"null", "application/json", 422),
        ):
            address = f"/api/v1{act.path}"
            sent = {"Authorization": f"Bearer {stage.secret(who)}", "Content-Type": kind, **given}
            assert stage.client.post(address, content=raw, headers=sent).status_code == number, raw
        if act.conditional:
            assert stage.post(act.path, body, who).status_code == 428
            for stale in ("*", '"x"', '"' + "0" * 64 + '"'):
                assert stage.post(act.path, body, who, headers={"If-Match": stale}).status_code == 412
        for key in ("short", "ü" * 8, "x" * 201):
            broken = {"Authorization": f"Bearer {stage.secret(who)}", "Idempotency-Key": key.encode(), **given}
            assert stage.client.post(f"/api/v1{act.path}", json=body, headers=broken).status_code == 422


def same_answer_again(stage: Stage, path: str, who: str, body: Any, headers: Mapping[str, str]) -> None:
    """One Idempotency-Key: done once, answered alike, and refused for anything else."""
    key = {"Idempotency-Key": "once-and-only-once", **headers}
    first = stage.post(path, body, who, headers=dict(key))
    assert first.status_code in (200, 201, 202), first.text
    with unchanged(stage, denials=0):
        again = stage.post(path, body, who, headers=dict(key))
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["idempotency-replayed"] == "true"
        assert [again.headers.get(name) for name in ("etag", "location")] == [first.headers.get(name) for name in ("etag", "location")]
        other = stage.post(path, body, who, headers=key | {"If-Match": '"another"'})
        assert other.status_code == 422, "the key stands for another request"
