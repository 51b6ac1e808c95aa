"""Repeats: a write with an ``Idempotency-Key`` is done once, and the same request gets the same answer again for a day.

What a process leaves unfinished is told so: nobody knows whether it was done, and a look at the thing itself tells.
"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Annotated, Final, Self

from fastapi import Depends, Header, Request, Response

from driftwatch.api.asking import Asking
from driftwatch.api.problems import Problem
from driftwatch.domain.canonical import encode, sha256_hex
from driftwatch.domain.credential import Answer
from driftwatch.errors import InputError, NotFoundError, RefusedError
from driftwatch.operations.installation import Installation

KEPT_FOR: Final = timedelta(days=1)
_KEPT_HEADERS: Final = ("content-type", "etag", "location")

KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=8, max_length=200, pattern=r"^[\x21-\x7e]+$", description="Makes a repeated write harmless."
    ),
]


class AnsweredBefore(Exception):  # noqa: N818 - it is no error
    """This very request was answered before, and so."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class Repeat:
    """A write that may come again. Within it the work is done; what `keep` is given is the answer to every repetition.

    A refusal is not kept: trying again may be worth it. After an error that nobody foresaw it stays unfinished. Entering raises
    AnsweredBefore, or Problem for a key that stands for another request (422), or one that is worked on or was left unfinished (409).
    """

    def __init__(self, installation: Installation, key: str | None, asked: str) -> None:
        self._installation = installation
        self._key = key
        self._asked = asked

    def __enter__(self) -> Self:
        if self._key is None:
            return self
        now = self._installation.clock()
        with self._installation.store.write() as uow:
            uow.answers.forget(now - KEPT_FOR)
            known = uow.answers.get(self._key)
            if known is None:
                uow.answers.save(Answer(key=self._key, asked=self._asked, at=now))
        if known is not None:
            raise self._told(known)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._key is not None and isinstance(error, Problem | InputError | NotFoundError | RefusedError):
            with self._installation.store.write() as uow:
                uow.answers.remove(self._key)

    def keep(self, response: Response) -> Response:
        """The answer, which a repetition of the request gets as well."""
        if self._key is not None:
            headers = {name: value for name, value in response.headers.items() if name in _KEPT_HEADERS}
            kept = Answer(
                key=self._key,
                asked=self._asked,
                at=self._installation.clock(),
                status=response.status_code,
                body=bytes(response.body),
                headers=headers,
            )
            with self._installation.store.write() as uow:
                uow.answers.save(kept)
        return response

    def _told(self, known: Answer) -> Exception:
        if known.asked != self._asked:
            return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "this Idempotency-Key was used for another request")
        if known.status is None:
            text = "a request with this Idempotency-Key is worked on, or was left unfinished: look whether it was done"
            return Problem(HTTPStatus.CONFLICT, text)
        return AnsweredBefore(Response(known.body, status_code=known.status, headers={**known.headers, "Idempotency-Replayed": "true"}))


async def _asked(request: Request) -> str:
    """The digest of what is asked. Asynchronous because the body is."""
    return sha256_hex(encode([request.method, request.url.path, (await request.body()).hex(), request.headers.get("if-match")]))


def _repeat(caller: Asking, asked: Annotated[str, Depends(_asked)], idempotency_key: KeyHeader = None) -> Repeat:
    key = sha256_hex(encode([caller.person, idempotency_key])) if idempotency_key else None
    return Repeat(caller.installation, key, asked)


Repeatable = Annotated[Repeat, Depends(_repeat)]
