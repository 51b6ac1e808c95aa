"""Strict bodies, and writes that come again: what is not exactly one JSON object is refused, and nothing is done twice."""

from __future__ import annotations

import pytest

from driftwatch.api.headers import MOST_BODY
from driftwatch.api.strict import DEEPEST
from driftwatch.domain.canonical import encode, sha256_hex
from driftwatch.domain.credential import Answer
from tests.unit.api.caller import Stage
from tests.world import GROUPS, settled_world


@pytest.fixture
def stage() -> Stage:
    world = settled_world()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    return Stage(world)


def sent(stage: Stage, body: bytes, type_: str = "application/json", **headers: str) -> tuple[int, str]:
    (found,) = stage.get("/findings").json()["findings"]
    given = {"Authorization": f"Bearer {stage.secret('ana')}", "Content-Type": type_} | headers
    answer = stage.client.post(f"/api/v1/findings/{found['id']}/acknowledge", content=body, headers=given)
    return answer.status_code, answer.json().get("detail", "")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "no body"),
        (b"{", "no JSON"),
        (b"{} {}", "no JSON"),
        (b'{"ticket": "a", "ticket": "b"}', "twice"),
        (b'{"ticket": {"x": 1, "x": 2}}', "twice"),
        (b'{"ticket": NaN}', "NaN"),
        (b'{"ticket": -Infinity}', "-Infinity"),
        (b'{"ticket": "\xff"}', "UTF-8"),
        ('{"ticket": "a"}'.encode("utf-16"), "UTF-8"),
        (b"\xef\xbb\xbf{}", "no JSON"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "inside one another"),
        (b"[" * 100_000, "inside one another"),
        (b'{"ticket": ' + b"9" * 5000 + b"}", "digits"),
    ],
)
def test_what_is_no_strict_json_is_refused_in_words(stage: Stage, body: bytes, word: str) -> None:
    status, detail = sent(stage, body)
    assert status == 400
    assert word in detail


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b'"x"', b'{"ticket": 7}', b'{"tickets": "a"}', b'{"verdict": "authorized"}', b'{"by": "ben"}']
)
def test_what_is_another_object_is_refused(stage: Stage, body: bytes) -> None:
    assert sent(stage, body)[0] == 422


@pytest.mark.parametrize("type_", ["text/plain", "application/json-patch+json", "application/x-www-form-urlencoded", ""])
def test_another_content_type_is_refused(stage: Stage, type_: str) -> None:
    assert sent(stage, b"{}", type_)[0] == 415


def test_a_body_may_say_its_encoding(stage: Stage) -> None:
    assert sent(stage, '{"ticket": "Ä-1"}'.encode(), "application/json; charset=utf-8")[0] == 200


@pytest.mark.parametrize("length", [MOST_BODY + 1, 50 * MOST_BODY])
def test_a_body_that_is_too_large_is_not_read(stage: Stage, length: int) -> None:
    (found,) = stage.get("/findings").json()["findings"]
    read = 0

    def parts():
        nonlocal read
        while read < length:
            read += 65_536
            yield b" " * 65_536

    headers = {"Authorization": f"Bearer {stage.secret('ana')}", "Content-Type": "application/json", "Content-Length": str(length)}
    answer = stage.client.post(f"/api/v1/findings/{found['id']}/acknowledge", content=parts(), headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


def test_a_body_of_no_stated_length_is_cut_off_too(stage: Stage) -> None:
    (found,) = stage.get("/findings").json()["findings"]
    parts = (b" " * 65_536 for _ in range(40))
    headers = {"Authorization": f"Bearer {stage.secret('ana')}", "Content-Type": "application/json"}
    answer = stage.client.post(f"/api/v1/findings/{found['id']}/acknowledge", content=parts, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


class TestRepeats:
    KEY = "key-of-this-write"

    def test_what_a_process_left_unfinished_is_told_so_and_not_done_again(self, stage: Stage) -> None:
        (found,) = stage.get("/findings").json()["findings"]
        path = f"/api/v1/findings/{found['id']}/acknowledge"
        asked = sha256_hex(encode(["POST", path, b"{}".hex(), None]))
        with stage.world.store.write() as uow:
            uow.answers.save(Answer(key=sha256_hex(encode(["ana", self.KEY])), asked=asked, at=stage.world.now))
        status, detail = sent(stage, b"{}", **{"Idempotency-Key": self.KEY})
        assert (status, "unfinished" in detail) == (409, True)
        assert stage.get(f"/findings/{found['id']}").json()["state"] == "open"

    def test_a_refusal_is_not_kept(self, stage: Stage) -> None:
        key = {"Idempotency-Key": self.KEY}
        assert sent(stage, b"{}")[0] == 200
        assert sent(stage, b"{}", **key)[0] == 403, "acknowledged already"
        assert sent(stage, b"{}", **key)[0] == 403, "asked anew"

    @pytest.mark.parametrize("key", ["short", "x" * 201, "with space in it"])
    def test_a_key_that_is_none_is_refused(self, stage: Stage, key: str) -> None:
        assert sent(stage, b"{}", **{"Idempotency-Key": key})[0] == 422
