"""HTML forms: the fields of a posted form, each once, none that nobody asked for."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from driftwatch.api.problems import Problem

MOST_FIELDS: Final = 200
_KIND: Final = "application/x-www-form-urlencoded"


class Form:
    """The fields of one form. `text` takes one; `done` refuses what nobody took."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def text(self, name: str, *, required: bool = True) -> str:
        """A field without the space around it; empty where it may be left out. Raises Problem (422) for one that is needed."""
        value = self._fields.pop(name, "").strip()
        if required and not value:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the form needs {name}")
        return value

    def starting_with(self, prefix: str) -> dict[str, str]:
        """The fields whose names begin so, without that beginning; empty ones are left out."""
        names = [name for name in self._fields if name.startswith(prefix)]
        return {name.removeprefix(prefix): value for name in names if (value := self._fields.pop(name).strip())}

    def done(self) -> None:
        if self._fields:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the form has no field {next(iter(self._fields))[:80]}")


async def _form(request: Request) -> Form:
    if request.headers.get("content-type", "").partition(";")[0].strip() != _KIND:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"this is a form: Content-Type: {_KIND}")
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, strict_parsing=False, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the form cannot be read: {error}") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Problem(HTTPStatus.BAD_REQUEST, "the form has a field twice")
    return Form(fields)


Posted = Annotated[Form, Depends(_form)]
