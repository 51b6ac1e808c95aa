"""What a type check finds: problems with their lines, and the inspection of one entry that collects them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from driftwatch.aws.catalog import Catalog
from driftwatch.aws.entry import Entry
from driftwatch.aws.sdk import Sdk, SdkError
from driftwatch.aws.shapes import PathError


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    """Worth a look; does not fail the check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one entry, and the line that says it."""

    type: str
    file: str
    line: int
    message: str
    level: Level = Level.ERROR

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.type}: {'' if self.level is Level.ERROR else 'warning: '}{self.message}"


@dataclass(slots=True, kw_only=True)
class Inspection:
    """The check of one entry under way: what it is checked against, and the problems found so far."""

    catalog: Catalog
    entry: Entry
    sdk: Sdk
    problems: list[Problem] = field(default_factory=list)

    def report(self, message: str, *needles: str, level: Level = Level.ERROR) -> None:
        """`needles` lead to the line: the entry's field, then words within it."""
        place = self.catalog.place(self.entry.type, *needles)
        self.problems.append(Problem(type=self.entry.type, file=place.source, line=place.line, message=message, level=level))

    @contextmanager
    def guard(self, *needles: str, what: str = "") -> Iterator[None]:
        """A path that does not resolve in the block is a problem, and the rest of the block is left out."""
        try:
            yield
        except SdkError as error:  # a name that is nearly one of the SDK's is misspelt; any other, another SDK may have
            self.report(f"{what}: {error}" if what else str(error), *needles, level=Level.ERROR if error.near else Level.WARNING)
        except (PathError, ValueError) as error:
            self.report(f"{what}: {error}" if what else str(error), *needles)
