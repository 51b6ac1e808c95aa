"""Whether an answer is exactly what the API's document says of it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def fits(model: type[BaseModel], document: Any) -> bool:
    """Nothing is missing, nothing is there that the model does not name, and every value is of its type."""
    told = model.model_validate(document).model_dump(mode="json", by_alias=True)
    assert told == document
    return True
