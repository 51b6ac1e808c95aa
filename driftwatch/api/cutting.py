"""Cutting: no page grows with what it is about. What is left out is counted, and said to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from driftwatch.api.site import value_text
from driftwatch.domain.resource import Json

MOST_TEXT: Final = 40_000
"""Characters of values on one page: escaped they may be six times as many bytes."""
MOST_ATTRIBUTES: Final = 20
"""Attributes of one resource."""
_AT_LEAST: Final = 80
_AT_MOST: Final = 4_000


class Budget:
    """How many characters of values a page may still show; each value gets some, whatever came before."""

    def __init__(self, left: int = MOST_TEXT) -> None:
        self._left = left

    def cut(self, value: Json) -> str | None:
        """The value as people read it, as much of it as may be shown; None for none."""
        if value is None:
            return None
        text = value_text(value)
        most = min(_AT_MOST, max(_AT_LEAST, self._left))
        if len(text) > most:
            text = f"{text[:most]}… and {len(text) - most} more characters"
        self._left -= len(text)
        return text


def differences(resources: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Documents of resources and how they differ, with as much of them as a page shows."""
    budget = Budget()
    return [
        {
            "cell": item["cell"],
            "resource": item["resource"],
            "changes": [
                {"path": change["path"], "before": budget.cut(change["before"]), "after": budget.cut(change["after"])}
                for change in item["differences"][:MOST_ATTRIBUTES]
            ],
            "more": max(0, len(item["differences"]) - MOST_ATTRIBUTES),
        }
        for item in resources
    ]
