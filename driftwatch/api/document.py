"""The API's document (OpenAPI): what FastAPI knows of the routes, with how callers are identified and exactly what they are answered."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final, cast

from fastapi import FastAPI, Request, Response

from driftwatch.api.answers import MEDIA_TYPE, tagged
from driftwatch.api.guard import COOKIE
from driftwatch.api.routing import Routes

routes: Final = Routes("document")

_SCHEMES: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "An API token."},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": f"A session; over TLS the cookie is __Host-{COOKIE}."},
}


class Documented(FastAPI):
    """An application whose document is exact: problems are problem documents only, and every route needs a credential."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            document["components"].setdefault("securitySchemes", {}).update(_SCHEMES)
            document["security"] = [{name: []} for name in _SCHEMES]
            for operations in document["paths"].values():
                for operation in operations.values():
                    _only_problems(operation["responses"])
                    for parameter in operation["parameters"]:
                        _never_null(parameter["schema"])
        return cast(dict[str, Any], self.openapi_schema)


@routes.read("/openapi.json", dict[str, Any])
def described(request: Request) -> Response:
    """This document."""
    return tagged(request, cast(FastAPI, request.app).openapi())


def _only_problems(responses: dict[str, Any]) -> None:
    """FastAPI adds the type of answers to every model; errors are never that."""
    for code, response in responses.items():
        if code.isdigit() and int(code) >= HTTPStatus.BAD_REQUEST:
            response.get("content", {}).pop(MEDIA_TYPE, None)


def _never_null(schema: dict[str, Any]) -> None:
    """What may be left out of a query or a header is null to FastAPI; nobody can send that."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema.update(kinds[0])
