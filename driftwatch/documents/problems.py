"""Problems: everything that is wrong with one file, so that a person mends it once instead of once per mistake."""

from __future__ import annotations

from typing import Final, TypeVar

from driftwatch.errors import InputError, Place

T = TypeVar("T")

MOST_SHOWN: Final = 50


class Problems:
    """Collects (place, found, expected) while a file is read; `check` refuses the file if there are any."""

    def __init__(self) -> None:
        self._noted: dict[tuple[Place, str, str], None] = {}

    def __bool__(self) -> bool:
        return bool(self._noted)

    def add(self, place: Place, found: str, expected: str = "") -> T | None:
        """Notes a problem, once however often it is found. Returns None in the type wanted, so that a conversion can end with it."""
        self._noted[(place, found, expected)] = None
        return None

    def take(self, others: Problems) -> None:
        """Notes the problems that another reading found."""
        self._noted.update(others._noted)

    def places(self) -> frozenset[Place]:
        """Where a problem was noted."""
        return frozenset(place for place, _, _ in self._noted)

    def error(self) -> InputError:
        """All problems in the order of the file, as one error."""
        ordered = sorted(self._noted, key=lambda item: (item[0].source, item[0].line, item[0].column))
        place, found, expected = ordered[0]
        rest = [str(InputError(more, expected=wanted, place=where)) for where, more, wanted in ordered[1:MOST_SHOWN]]
        if len(ordered) > MOST_SHOWN:
            rest.append(f"{place.source}: and {len(ordered) - MOST_SHOWN} more problems")
        return InputError(found, expected=expected, place=place, problems=tuple(rest))

    def check(self) -> None:
        """Raises InputError when there is a problem."""
        if self._noted:
            raise self.error()
