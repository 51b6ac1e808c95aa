"""Routes that cannot be made without saying which permission they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Depends

from driftwatch.api.guard import permitted
from driftwatch.api.problems import MEDIA_TYPE, ProblemDocument
from driftwatch.api.strict import StrictRoute
from driftwatch.domain.access import Permission

PERMISSION: Final = "x-permission"
"""Where the API's document says which permission an operation needs."""

F = TypeVar("F", bound=Callable[..., Any])

_PROBLEM: Final = {"model": ProblemDocument, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}}
_TEXTS: Final = {
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
_ALWAYS: Final = (400, 401, 403, 404, 422, 429, 500, 503)
_WRITING: Final = (409, 413, 415)


class Routes:
    """The routes about one noun. `read` is for GET, `write` for POST; both give the caller's rights to be checked first."""

    def __init__(self, noun: str) -> None:
        self.router = APIRouter(tags=[noun], route_class=StrictRoute)

    def read(self, path: str, gives: Any, *, needs: Permission = Permission.READ, **more: Any) -> Callable[[F], F]:
        """A route that changes nothing. `gives` is the model of its answer: for the API's document; handlers answer with bytes."""
        return self._route("GET", path, gives, needs, _ALWAYS, **more)

    def write(
        self, path: str, gives: Any, *, needs: Permission, status: int = 200, conditional: bool = False, **more: Any
    ) -> Callable[[F], F]:
        """A route that changes something; `conditional` where ``If-Match`` has to name what was looked at."""
        problems = (*_ALWAYS, *_WRITING, *((412, 428) if conditional else ()))
        return self._route("POST", path, gives, needs, problems, status=status, **more)

    def _route(
        self, method: str, path: str, gives: Any, needs: Permission, problems: tuple[int, ...], status: int = 200, **more: Any
    ) -> Callable[[F], F]:
        answers: dict[int | str, Any] = {status: {"model": gives}} if gives is not None else {}
        answers |= {code: {**_PROBLEM, "description": _TEXTS[code]} for code in problems}

        def add(handler: F) -> F:
            self.router.add_api_route(
                path,
                handler,
                methods=[method],
                status_code=status,
                response_model=None,
                responses=answers,
                dependencies=[Depends(permitted(needs))],
                openapi_extra={PERMISSION: needs.value},
                summary=(handler.__doc__ or "").strip().partition("\n")[0].rstrip("."),
                **more,
            )
            return handler

        return add


class PageRoutes:
    """The routes of web pages: as `Routes`, and left out of the API's document."""

    def __init__(self) -> None:
        self.router = APIRouter()

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
                dependencies=[Depends(permitted(needs))],
                openapi_extra={PERMISSION: needs.value},
            )
            return handler

        return add
