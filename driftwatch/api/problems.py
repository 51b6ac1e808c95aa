"""Problems: whatever a request cannot have is a problem document (RFC 9457) that says what is wrong, never a stack trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from driftwatch.errors import BusyError, DriftwatchError, InputError, NotFoundError, RefusedError, SourceError, StoreError
from driftwatch.telemetry import logs

MEDIA_TYPE: Final = "application/problem+json"
_STATUS: Final = (
    (InputError, HTTPStatus.BAD_REQUEST),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (BusyError, HTTPStatus.CONFLICT),
    (RefusedError, HTTPStatus.FORBIDDEN),
    (StoreError, HTTPStatus.SERVICE_UNAVAILABLE),
    (SourceError, HTTPStatus.BAD_GATEWAY),
)
"""The first class that fits; a refusal is HTTP's "understood, and will not be done"."""
RETRY_AFTER_S: Final = 5
TOLD: Final = "driftwatch.told"
"""Where a request's scope holds the error that was logged and answered: the framework raises it once more."""


class ProblemPart(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="Where: body, query, path or header, and the names on the way to it.")
    wrong: str = Field(description="What is wrong there.")


class ProblemDocument(BaseModel):
    """RFC 9457."""

    type: str = Field(default="about:blank", description="Always about:blank: title and status say what kind of problem it is.")
    title: str = Field(description="The HTTP status in words.")
    status: int
    detail: str = Field(description="What is wrong, as a sentence.")
    instance: str | None = Field(default=None, description="The id under which the log tells more, for errors that nobody foresaw.")
    errors: list[ProblemPart] = Field(default=[], description="Everything that is wrong with the request.")


class Problem(Exception):  # noqa: N818 - the field's word
    """A request that cannot be answered as asked."""

    def __init__(self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None, errors: Iterable[ProblemPart] = ()):
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = list(errors)

    def response(self, instance: str | None = None) -> Response:
        document = self.document(instance).model_dump(exclude_none=True)
        return Response(orjson.dumps(document), status_code=self.status, media_type=MEDIA_TYPE, headers=self.headers)

    def document(self, instance: str | None = None) -> ProblemDocument:
        return ProblemDocument(title=self.status.phrase, status=self.status, detail=self.detail, instance=instance, errors=self.errors)


def of_error(error: DriftwatchError) -> Problem:
    """The problem that tells of an operation's error."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    retry = status in (HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_GATEWAY)
    return Problem(status, str(error), headers={"Retry-After": str(RETRY_AFTER_S)} if retry else {})


def unexpected(error: BaseException) -> Response:
    """The answer to an error that nobody foresaw: an id, and nothing that it says."""
    error_id = logs.unexpected("request_failed", error)
    text = f"driftwatch failed in a way that nobody foresaw; its log tells of it under {error_id}"
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, text).response(f"urn:driftwatch:error:{error_id}")


def _unforeseen(request: Request, error: Exception) -> Response:
    request.scope[TOLD] = error
    return unexpected(error)


def install(app: FastAPI, show: Callable[[Request, Problem], Response] = lambda _request, problem: problem.response()) -> None:
    """Has every error of the application answered as `show` says: as a problem document, unless it knows better."""
    app.add_exception_handler(Exception, _unforeseen)
    app.add_exception_handler(ClientDisconnect, lambda _request, _error: Response(status_code=HTTPStatus.REQUEST_TIMEOUT))
    for kind, problem in (
        (Problem, lambda error: error),
        (DriftwatchError, of_error),
        (RequestValidationError, _refused),
        (HTTPException, _http),
    ):
        app.add_exception_handler(kind, _handler(problem, show))


def _handler(problem: Callable[[Any], Problem], show: Callable[[Request, Problem], Response]) -> Callable[[Request, Exception], Response]:
    return lambda request, error: show(request, problem(error))


def _refused(error: RequestValidationError) -> Problem:
    """What FastAPI refuses. The value itself is not repeated: it may be a secret, and it is hostile text."""
    parts = [ProblemPart(where=".".join(str(step) for step in item["loc"]), wrong=item["msg"]) for item in error.errors()]
    many = "" if len(parts) == 1 else f" and {len(parts) - 1} more"
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{parts[0].where}: {parts[0].wrong}{many}", errors=parts)


def _http(error: HTTPException) -> Problem:
    status = HTTPStatus(error.status_code)
    return Problem(status, status.description or status.phrase, headers=error.headers)
