"""The API's document says exactly what the API does: whatever is asked, it answers as documented, and never with an error of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NoReturn

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    missing_required_header,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from driftwatch.api.app import application
from driftwatch.api.headers import Protected
from driftwatch.api.limits import Limiter
from driftwatch.api.routing import PERMISSION
from driftwatch.change_sources.register import RegisterSource
from driftwatch.config.sections import Access
from driftwatch.domain.access import Permission, Role
from driftwatch.operations import baseline_views, changes, credentials, exceptions, requests
from tests.unit.api.caller import Stage
from tests.unit.operations.acts import covering, later
from tests.world import ANA, BUCKETS, GROUPS, World, settled_world

EXAMPLES = 4
"""Of each kind, for each operation: right ones and wrong ones about things that exist, and right ones about any."""
ANSWERED_AS_DOCUMENTED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    missing_required_header,
]
ASKING = ("post /api/v1/policy/test", "post /api/v1/policy/replay")
"""Questions with a body: they write nothing, so that a repetition harms nothing."""
OTHER_THAN_JSON = {"get /api/v1/ledger/proof": "application/jsonl"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "QUERY")


def never() -> NoReturn:
    raise AssertionError("making the document asks for no configuration")


DOCUMENT = application(never).openapi()
OPERATIONS = [f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods]


def settled() -> SchemathesisConfig:
    """That something else was looked at is a refusal as well, and may come before another one."""
    return SchemathesisConfig.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": ["4xx"]}}})


class Everything:
    """An API with something of every kind in it, and an admin who asks; as often as they like."""

    def __init__(self) -> None:
        self.world = world()
        self.stage = Stage(self.world, (Access(role=Role.ADMIN, to=("cleo",)), Access(role=Role.OPERATOR, to=("ana",))))
        free = Limiter(10**9, 1.0)
        around = replace(self.stage.around, failures=free, requests=free)
        self.app = Protected(application(self.stage.wired, around), secure=False)
        self.headers = {"Authorization": f"Bearer {self.stage.secret('cleo')}"}
        self.schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", self.app, config=settled(), headers=self.headers)

    def operation(self, label: str) -> APIOperation:
        method, _, path = label.partition(" ")
        return self.schema[path][method]

    def known(self, path: str) -> dict[str, Any]:
        """Ids of things that are there, for the places in the path."""
        installation = self.world.installation
        found = {
            "finding": [finding.id for finding in self.world.live()],
            "name": ["production"],
            "version_id": [version.id for version in baseline_views.history(installation, "production")],
            "record_id": [record.id for record in changes.records(installation)],
            "exception_id": [item.id for item in exceptions.listed(installation)],
            "scan_id": self._scans(),
            "token": [token.id for token in credentials.tokens(installation, "cleo")],
            "request_id": [requests.ask(installation, "refresh", ("production",), "ana").id],
        }
        return {name: ids[0] for name, ids in found.items() if f"{{{name}}}" in path}

    def _scans(self) -> list[str]:
        with self.world.store.read() as work:
            return [scan.id for scan in work.scans.latest()]

    def tag(self, label: str) -> str:
        """The ETag of the thing that is decided on."""
        thing = label.partition(" ")[2].rpartition("/")[0]
        return str(self.stage.client.get(thing.format(**self.known(thing)), headers=self.headers).headers["etag"])


def conditional(label: str) -> bool:
    method, _, path = label.partition(" ")
    return "428" in DOCUMENT["paths"][path][method.lower()]["responses"]


def world() -> World:
    made = settled_world(register="register")
    made.change(sources=[RegisterSource("register", made.store), made.source])
    covering(made, "two", id="CHG-1")
    changes.sync(made.installation)
    made.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    made.put(BUCKETS, "new", Size=1)
    made.scan()
    stage = Stage(made)
    assert stage.post("/changes", {"title": "x", "scope": [{"ids": ["one"]}], "request": True}).status_code == 201
    assert stage.post("/baselines/production/capture", {"propose": True}).status_code == 201
    exceptions.request(made.installation, made.live()[0].id, ANA, until=later(made, minutes=1).replace(day=20), reason="x")
    return made


@pytest.fixture(scope="module")
def everything() -> Everything:
    """One for all: what one operation does to it is there for the next."""
    return Everything()


def asks(everything: Everything, label: str, mode: GenerationMode, fixed: dict[str, Any]) -> None:
    """So many cases of one operation, the same in every run; `fixed` parts are not generated."""
    operation = everything.operation(label)

    @given(case=operation.as_strategy(generation_mode=mode, **fixed))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Case) -> None:
        case.call_and_validate(headers=everything.headers, checks=ANSWERED_AS_DOCUMENTED)

    ask()


@pytest.mark.slow
@pytest.mark.parametrize("label", OPERATIONS)
def test_whatever_is_asked_is_answered_as_documented(everything: Everything, label: str) -> None:
    known = everything.known(label)
    fixed = {"path_parameters": known} if known else {}
    looked_at = fixed | {"headers": {"If-Match": everything.tag(label)}} if conditional(label) else fixed
    asks(everything, label, GenerationMode.POSITIVE, looked_at)
    asks(everything, label, GenerationMode.NEGATIVE, fixed)
    if known:
        asks(everything, label, GenerationMode.POSITIVE, {})


@pytest.mark.slow
def test_no_other_method_does_anything(everything: Everything) -> None:
    for path, methods in DOCUMENT["paths"].items():
        address = path.format(**everything.known(path))
        for method in METHODS:
            if method.lower() in methods:
                continue
            if method == "GET" and "{record_id}/" in path:
                continue  # an id may have slashes: this asks for the record of that name
            answer = everything.stage.client.request(method, address, headers=everything.headers)
            assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json"), (method, path)
            assert method not in answer.headers["allow"]


def test_the_document_is_for_those_who_may_read() -> None:
    stage = Stage(settled_world(), (Access(role=Role.VIEWER, to=("ben",)),))
    answer = stage.get("/openapi.json", "ben")
    assert answer.status_code == 200
    assert answer.json() == DOCUMENT
    assert stage.get("/openapi.json", "ben", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert stage.get("/openapi.json", None).status_code == 401
    assert stage.get("/openapi.json", "ana").status_code == 403


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


@pytest.mark.parametrize(("label", "operation"), list(operations()), ids=OPERATIONS)
def test_every_operation_says_what_it_needs_takes_and_answers(label: str, operation: dict[str, Any]) -> None:
    assert operation[PERMISSION] in {permission.value for permission in Permission}
    assert operation["summary"]
    given = {item["name"] for item in operation["parameters"]}
    assert ("If-Match" in given) == ("428" in operation["responses"])
    assert ("Idempotency-Key" in given) == (label.startswith("post") and label not in ASKING)
    for code, response in operation["responses"].items():
        kinds = set(response.get("content", {}))
        fine = OTHER_THAN_JSON.get(label, "application/json")
        assert kinds == ({"application/problem+json"} if code >= "400" else set() if code == "304" else {fine})


def test_every_model_has_a_name_of_its_own() -> None:
    assert [name for name in DOCUMENT["components"]["schemas"] if "__" in name] == []


def test_every_body_refuses_unknown_keys() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for label, operation in operations():
        for kind in operation.get("requestBody", {}).get("content", {}).values():
            name = kind["schema"]["$ref"].rpartition("/")[2]
            assert schemas[name]["additionalProperties"] is False, label
