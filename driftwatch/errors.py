"""What driftwatch raises when it could not do something: one class for each way of handling it.

A result that is merely unwelcome (a Gap, a failed rule, a refused record in a directory of good ones) is a value, never an exception.
"""

from __future__ import annotations

from dataclasses import dataclass


class DriftwatchError(Exception):
    """driftwatch could not do what was asked. The text is a sentence for the person who asked."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece of input stands: the file (or another name of its origin), and line and column counted from 1."""

    source: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}"


class InputError(DriftwatchError):
    """A file, setting or argument is refused.

    Shown as ``file:line:column: what was found; expected what``. `problems` holds the text of every problem found in one reading, so
    that a person mends a file once instead of once per mistake.
    """

    def __init__(self, found: str, *, expected: str = "", place: Place | None = None, problems: tuple[str, ...] = ()) -> None:
        text = f"{place}: {found}" if place else found
        if expected:
            text = f"{text}; expected {expected}"
        super().__init__("\n".join((text, *problems)))
        self.found = found
        self.expected = expected
        self.place = place


class NotFoundError(DriftwatchError):
    """Nothing with that name or id exists."""


class RefusedError(DriftwatchError):
    """The act is understood but not allowed: the text names the rule and what would make it allowed."""


class BusyError(RefusedError):
    """Something is at work that may not be disturbed: trying again later helps."""


class StoreError(DriftwatchError):
    """The store could not be read or written, or is not one that this driftwatch may use."""


class LeaseLostError(StoreError):
    """Another process took over the lease while this one was working: nothing of the open transaction was written."""


class SourceError(DriftwatchError):
    """A change source could not be read. `retryable` says whether trying again may help."""

    def __init__(self, text: str, *, retryable: bool = True) -> None:
        super().__init__(text)
        self.retryable = retryable
