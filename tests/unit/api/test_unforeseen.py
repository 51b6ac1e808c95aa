"""An error that nobody foresaw: a problem document with an id, and nothing of what went wrong inside."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from starlette.testclient import TestClient

from driftwatch.api.app import application
from driftwatch.api.headers import ALWAYS, Protected
from tests.unit.api.caller import Stage
from tests.world import settled_world


def test_it_is_a_problem_as_every_other_error_and_says_nothing_of_the_inside() -> None:
    stage = Stage(settled_world())

    def broken() -> NoReturn:
        raise RuntimeError("the password is xyzzy")

    app = application(stage.wired, replace(stage.around, loaded=broken))
    answer = TestClient(Protected(app, secure=False)).get("/api/v1/findings")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["instance"].startswith("urn:driftwatch:error:")
    assert "xyzzy" not in answer.text
    assert all(answer.headers[name] == value for name, value in ALWAYS.items())
