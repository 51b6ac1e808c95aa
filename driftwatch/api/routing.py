"""Routes that cannot be made without saying which permission they need."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from driftwatch.api.guard import permitted
from driftwatch.api.problems import MEDIA_TYPE, ProblemDocument
from driftwatch.api.strict import StrictRoute
from driftwatch.domain.access import Permission

PERMISSION: Final = "x-permission"
"""Where the API's document says which permission an operation needs."""

F = TypeVar("F", bound=Callable[..., Any])

_PROBLEM: Final = {"model": ProblemDocument, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}}
_TEXTS: Final = {
    304: "You have it already: nothing has changed since the answer of that `ETag`.",
    400: "The request is no such request.",
    401: "Nobody was identified.",
    403: "Whoever was identified may not, or the rules refuse it; the text says which, and what would be allowed.",
    404: "There is no such thing, or none that this person may see.",
    409: "Something is at work that may not be disturbed: try again later.",
    412: "It is no longer what `If-Match` names: look at it again.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    422: "A value is refused.",
    428: "`If-Match` has to say what was looked at.",
    429: "Too many requests.",
    500: "An error that nobody foresaw.",
    503: "The store cannot be read or written now.",
}
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag of what was looked at; * will not do.",
    "schema": {"type": "string"},
}
_IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of an answer that you have.",
    "schema": {"type": "string"},
}
_ALWAYS: Final = (400, 401, 403, 404, 422, 429, 500, 503)
_WRITING: Final = (409, 413, 415)


class GuardedRoute(StrictRoute):
    """A route behind the guard: who is asking, and whether they may, is settled before a byte of the body is looked at."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        needs = Permission((self.openapi_extra or {})[PERMISSION])

        async def guarded(request: Request) -> Response:
            await run_in_threadpool(permitted, needs, request)
            return await handle(request)

        return guarded


class Routes:
    """The routes about one noun. `read` is for GET, `write` for POST; both give the caller's rights to be checked first."""

    def __init__(self, noun: str) -> None:
        self.router = APIRouter(tags=[noun], route_class=GuardedRoute)

    def read(self, path: str, gives: Any, *, needs: Permission = Permission.READ, **more: Any) -> Callable[[F], F]:
        """A route that changes nothing. `gives` is for the API's document: the model of the answer, or its media type where that is no
        JSON; handlers answer with bytes."""
        return self._route("GET", path, gives, needs, _ALWAYS, headers=(_IF_NONE_MATCH,), **more)

    def write(
        self, path: str, gives: Any, *, needs: Permission, status: int = 200, conditional: bool = False, **more: Any
    ) -> Callable[[F], F]:
        """A route that changes something; `conditional` where ``If-Match`` has to name what was looked at."""
        problems = (*_ALWAYS, *_WRITING, *((412, 428) if conditional else ()))
        headers = (_IF_MATCH,) if conditional else ()
        return self._route("POST", path, gives, needs, problems, status=status, headers=headers, **more)

    def _route(
        self,
        method: str,
        path: str,
        gives: Any,
        needs: Permission,
        problems: tuple[int, ...],
        status: int = 200,
        headers: tuple[Mapping[str, Any], ...] = (),
        **more: Any,
    ) -> Callable[[F], F]:
        answers: dict[int | str, Any] = {
            status: {"content": {gives: {"schema": {"type": "string"}}}} if isinstance(gives, str) else {"model": gives}
        }
        answers |= {code: {**_PROBLEM, "description": _TEXTS[code]} for code in problems}
        if method == "GET":
            answers[304] = {"description": _TEXTS[304]}

        def add(handler: F) -> F:
            self.router.add_api_route(
                path,
                handler,
                methods=[method],
                status_code=status,
                response_model=None,
                responses=answers,
                openapi_extra={PERMISSION: needs.value, "parameters": list(headers)},
                summary=(handler.__doc__ or "").strip().partition("\n")[0].rstrip("."),
                **more,
            )
            return handler

        return add


class PageRoutes:
    """The routes of web pages: as `Routes`, and left out of the API's document."""

    def __init__(self) -> None:
        self.router = APIRouter(route_class=GuardedRoute)

    def read(self, path: str, *, needs: Permission = Permission.READ) -> Callable[[F], F]:
        """A page, or a part of one."""
        return self._route("GET", path, needs)

    def write(self, path: str, *, needs: Permission) -> Callable[[F], F]:
        """What a form on a page is posted to."""
        return self._route("POST", path, needs)

    def _route(self, method: str, path: str, needs: Permission) -> Callable[[F], F]:
        def add(handler: F) -> F:
            self.router.add_api_route(
                path,
                handler,
                methods=[method],
                response_model=None,
                include_in_schema=False,
                openapi_extra={PERMISSION: needs.value},
            )
            return handler

        return add
