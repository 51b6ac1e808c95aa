"""What all bodies have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
"""Something that a person writes."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^\S+$")]
"""An id or a name."""
Moment = Annotated[datetime, Field(description="RFC 3339, in UTC.")]
Anything = Annotated[Any, Field(description="Any JSON value.")]


class Body(BaseModel):
    """A request's body: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Given(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)
