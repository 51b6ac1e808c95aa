"""Strict JSON bodies: what the standard lets pass in silence (a key twice, NaN) is refused, and so is whatever is not said to be JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from driftwatch.api.problems import Problem

DEEPEST: Final = 64
"""Arrays and objects inside one another."""


class StrictRequest(Request):
    """A request whose JSON is read strictly."""

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = parse(await self.body())
        return self._json


class StrictRoute(APIRoute):
    """A route whose body has to be strict JSON, with the content type that says so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            if self.body_field is not None and request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body has to be JSON: Content-Type: application/json")
            strict = StrictRequest(request.scope, request.receive)
            if self.body_field is not None:
                await strict.json()  # now: what FastAPI makes of an error while it reads a body says less
            return await handle(strict)

        return strictly


def parse(body: bytes) -> Any:
    """The one JSON value of a body; raises Problem (400) for anything else."""
    if not body:
        raise Problem(HTTPStatus.BAD_REQUEST, "the request has no body; it needs a JSON object")
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant, parse_float=_number)
    except UnicodeDecodeError:
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is no JSON: line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # a number of more digits than Python converts
        raise Problem(HTTPStatus.BAD_REQUEST, "the body holds a number of too many digits") from None
    _refuse_depth(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body has the key {json.dumps(twice)} twice in one object")
    return made


def _number(text: str) -> float:
    """Like the standard, but for a number that would become infinity in silence."""
    value = float(text)
    if math.isinf(value):
        raise Problem(HTTPStatus.BAD_REQUEST, "the body holds a number beyond what can be kept")
    return value


def _constant(name: str) -> Any:
    raise Problem(HTTPStatus.BAD_REQUEST, f"{name} is no JSON")


def _refuse_depth(value: Any) -> None:
    todo = [(value, 1)]
    while todo:
        item, depth = todo.pop()
        if depth > DEEPEST:
            raise _too_deep()
        if isinstance(item, dict):
            todo.extend((part, depth + 1) for part in item.values())
        elif isinstance(item, list):
            todo.extend((part, depth + 1) for part in item)


def _too_deep() -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, f"the body has more than {DEEPEST} arrays and objects inside one another")
