"""What all bodies have in common."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

_RFC_3339: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[-+][0-9]{2}:[0-9]{2})")

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
"""Something that a person writes."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^\S+$")]
"""An id or a name."""
Moment = Annotated[datetime, Field(description="RFC 3339, in UTC.")]
Anything = Annotated[Any, Field(description="Any JSON value.")]


def _moment(value: object) -> datetime:
    """A time with a zone, in UTC, as RFC 3339 writes it: nothing is guessed from a number or a day."""
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise ValueError("expected a time such as 2026-03-10T12:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("a time that does not exist; expected one such as 2026-03-10T12:00:00Z") from None


When = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=str), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time that somebody asks for; it arrives in UTC."""


class Body(BaseModel):
    """A request's body: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Body):
    """An empty object: the address says it all."""


class Because(Body):
    reason: Text = Field(description="Why; it is recorded.")


class Given(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)
