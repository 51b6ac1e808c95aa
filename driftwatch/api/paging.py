"""Pages: a cursor says after which item the next page begins; it means nothing to anybody else, and a forged one is refused."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final

import orjson
from fastapi import Query

from driftwatch.api.problems import Problem

MOST: Final = 200
LimitQuery = Annotated[int, Query(ge=1, le=MOST, description="Items on one page.")]
CursorQuery = Annotated[
    str | None, Query(max_length=20_000, pattern="^[A-Za-z0-9_-]+$", description="`next` of the page before; the first page needs none.")
]


def cursor(position: tuple[datetime, str] | None) -> str | None:
    """Where a page ended: after the item of this time and id; None after the last page."""
    if position is None:
        return None
    at, id_ = position
    return cursor_of(at.isoformat(), id_)


def position(text: str | None) -> tuple[datetime, str] | None:
    """What `cursor` was made of; raises Problem (400) for anything else."""
    if text is None:
        return None
    at, id_ = parts_of(text, 2) or ("", "")
    return moment_of(at), id_


def moment_of(text: str) -> datetime:
    """A time as a cursor holds it; raises Problem (400) for anything else."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise refused()
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise refused() from None


def cursor_of(*parts: str) -> str:
    """Where a page ended that is ordered by other things than a time and an id."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def parts_of(text: str | None, number: int) -> tuple[str, ...] | None:
    """The `number` parts that `cursor_of` was given; raises Problem (400) for anything else."""
    if text is None:
        return None
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        raise refused() from None
    if not isinstance(parts, list) or len(parts) != number or not all(isinstance(part, str) for part in parts):
        raise refused()
    return tuple(parts)


def refused() -> Problem:
    """The answer to a cursor that no page was given."""
    return Problem(HTTPStatus.BAD_REQUEST, "this cursor is none of ours; begin without one")
