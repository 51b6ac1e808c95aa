"""The API over a world, and people who call it with tokens of their own."""

from __future__ import annotations

import weakref
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from driftwatch.api.app import application
from driftwatch.api.entrance import Entrance
from driftwatch.api.guard import COOKIE, Surroundings, surroundings
from driftwatch.api.headers import Protected
from driftwatch.config.model import Config
from driftwatch.config.sections import Access, Account, Baseline, Product
from driftwatch.domain.access import Role
from driftwatch.domain.baseline import Actor, Method
from driftwatch.operations import credentials
from driftwatch.wiring import Wired
from tests.world import ACCOUNT, World

ROLES = {"ana": Role.OPERATOR, "ben": Role.APPROVER, "cleo": Role.ADMIN}
"""Who has which role, everywhere, unless a test says otherwise."""


_IDLE: list[FastAPI] = []
"""Applications of stages that nobody holds any more: to resolve all routes anew takes longer than a short test."""


def _application(stage: Stage, around: Surroundings, *, own: bool) -> FastAPI:
    made = _IDLE.pop() if _IDLE and not own else application(around.loaded, around)
    made.state.around, made.state.entrance = around, Entrance()
    if not own:
        weakref.finalize(stage, _IDLE.append, made)
    return made


class Stage:
    """`get` and `post` are asked as a person, or as nobody. Tokens are made once a person. `own`: the test adds routes."""

    def __init__(self, world: World, access: tuple[Access, ...] | None = None, *, own: bool = False) -> None:
        self.world = world
        given = access if access is not None else tuple(Access(role=role, to=(person,)) for person, role in ROLES.items())
        self.config = Config(
            accounts=(Account(id=ACCOUNT),),
            baselines=(Baseline(name="production"),),
            product=Product(access=given),  # type: ignore[call-arg]
        )
        me = weakref.ref(self)  # an application that waits for its next stage must not keep this one
        self.around: Surroundings = surroundings(lambda: me().wired())  # type: ignore[union-attr]
        self.app = _application(self, self.around, own=own)
        self.client = TestClient(Protected(self.app, secure=False), raise_server_exceptions=False)
        self._secrets: dict[str, str] = {}

    def wired(self) -> Wired:
        return Wired(path=Path("driftwatch.yaml"), config=self.config, installation=self.world.installation, types=2, baseline_folders={})

    def secret(self, person: str) -> str:
        if person not in self._secrets:
            actor = Actor(person=person, method=Method.OS_USER)
            self._secrets[person] = credentials.new_token(self.world.installation, actor, "test", timedelta(days=300)).secret
        return self._secrets[person]

    def sign_in(self, actor: Actor) -> str:
        """A session of that person, whose cookie the client has from now on."""
        secret = credentials.sign_in(self.world.installation, actor, timedelta(hours=12))
        self.client.cookies.set(COOKIE, secret, domain="testserver.local")
        return secret

    def get(self, path: str, who: str | None = "ana", **more: Any) -> Any:
        return self.client.get(f"/api/v1{path}", headers=self._headers(who, more), **more)

    def post(self, path: str, body: Any = None, who: str | None = "ana", **more: Any) -> Any:
        return self.client.post(f"/api/v1{path}", json={} if body is None else body, headers=self._headers(who, more), **more)

    def _headers(self, who: str | None, more: dict[str, Any]) -> dict[str, str]:
        given: dict[str, str] = more.pop("headers", {})
        return given | ({"Authorization": f"Bearer {self.secret(who)}"} if who else {})
