"""What a scalar means where a certain kind of value is wanted.

Each function takes a node and the problems found so far, and returns the value, or None after it has noted a problem. YAML guesses at
unquoted words (`off` is false, 012345670123 an octal number); nothing is guessed here: where two readings are possible, the value is
refused and the message says how to write it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final, TypeVar

from driftwatch.documents.problems import Problems
from driftwatch.documents.tree import ListNode, MapNode, Node, Scalar, shown
from driftwatch.domain.canonical import to_json
from driftwatch.domain.resource import Json

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Convert = Callable[[Node, Problems], T | None]

MAX_DIGITS: Final = 18
MAX_PATTERN: Final = 1000
MAX_NAME: Final = 1000
_NULLS: Final = frozenset({"", "~", "null"})
_GUESSED: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_DIGITS: Final = re.compile(r"[-+]?[0-9][0-9_]*")
_WHOLE: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_NUMBER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")
_FRACTION: Final = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
_NUMBER_LIKE: Final = re.compile(
    r"[-+]?(0[xob][0-9a-fA-F_]+|[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|\.(inf|nan)|\.[0-9]+)", re.IGNORECASE
)
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")
_ZONE: Final = re.compile(r"([Zz]|[-+][0-9]{2}:[0-9]{2})")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_ACCOUNT_PATTERN: Final = re.compile(r"[0-9]{12}|[0-9*?]*[*?][0-9*?]*")


def is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and node.text in _NULLS


def found(node: Node) -> str:
    """What stands there, for a message."""
    if isinstance(node, MapNode):
        return "a mapping"
    if isinstance(node, ListNode):
        return "a list"
    if is_null(node):
        return "nothing"
    return shown(node.text) if not node.plain else shown(node.text)[1:-1] + " without quotes"


def text(node: Node, problems: Problems) -> str | None:
    """Any text that is not blank; line breaks and tabs are allowed in it, other control characters are not."""
    value = _written(node, problems, "text")
    if value is None:
        return None
    if not value.strip():
        return problems.add(node.place, found(node), "text that is not blank")
    bad = next((char for char in value if char not in "\n\r\t" and unicodedata.category(char) in {"Cc", "Cs"}), None)
    return problems.add(node.place, f"the control character U+{ord(bad):04X} in a text", "text without it") if bad else value


def name(node: Node, problems: Problems) -> str | None:
    """A name or id: one line, no control or invisible characters, no white space around it, at most 1,000 characters."""
    value = _written(node, problems, "text")
    if value is None:
        return None
    bad = next((char for char in value if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}), None)
    if bad:
        return problems.add(node.place, f"the invisible character U+{ord(bad):04X} in a name", "a name of visible characters")
    if not value or value != value.strip():
        return problems.add(node.place, found(node), "a name without white space around it")
    if len(value) > MAX_NAME:
        return problems.add(node.place, f"{len(value)} characters", f"at most {MAX_NAME}")
    return value


def pattern(node: Node, problems: Problems) -> str | None:
    """A glob of at most 1,000 characters."""
    if isinstance(node, Scalar) and len(node.text) > MAX_PATTERN:
        return problems.add(node.place, f"a pattern of {len(node.text)} characters", f"at most {MAX_PATTERN}")
    return name(node, problems)


def pointer(node: Node, problems: Problems) -> str | None:
    """A JSON pointer pattern: "" for the whole resource, else it starts with a slash."""
    if isinstance(node, Scalar) and not node.plain and node.text == "":
        return ""
    value = pattern(node, problems)
    if value is None or value.startswith("/"):
        return value
    return problems.add(node.place, found(node), f'a path that starts with /, such as "/{shown(value)[1:-1]}"')


def account(node: Node, problems: Problems) -> str | None:
    value = name(node, problems)
    if value is None or _ACCOUNT.fullmatch(value):
        return value
    return problems.add(node.place, found(node), "an account id: twelve digits in quotes")


def account_pattern(node: Node, problems: Problems) -> str | None:
    value = pattern(node, problems)
    if value is None or _ACCOUNT_PATTERN.fullmatch(value):
        return value
    return problems.add(node.place, found(node), "an account id of twelve digits in quotes, or a pattern with * or ?")


def flag(node: Node, problems: Problems) -> bool | None:
    if isinstance(node, Scalar) and node.plain and node.text in {"true", "false"}:
        return node.text == "true"
    return problems.add(node.place, found(node), "true or false, without quotes")


def whole(lowest: int, highest: int) -> Convert[int]:
    """A whole number from `lowest` to `highest`."""

    def convert(node: Node, problems: Problems) -> int | None:
        wanted = f"a whole number from {lowest} to {highest}"
        if not isinstance(node, Scalar) or not node.plain or not _WHOLE.fullmatch(node.text) or len(node.text) > MAX_DIGITS + 1:
            return problems.add(node.place, found(node), f"{wanted}, without quotes")
        value = int(node.text)
        return value if lowest <= value <= highest else problems.add(node.place, found(node), wanted)

    return convert


def number(node: Node, problems: Problems) -> int | float | None:
    """A finite number of at most 18 digits. A fraction may also stand in quotes: canonical JSON writes it so."""
    if isinstance(node, Scalar) and not node.plain and _FRACTION.fullmatch(node.text):
        node = Scalar(node.place, node.text, plain=True)
    value = anything(node, problems)
    if value is None and not is_null(node):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return problems.add(node.place, found(node), "a number, without quotes")
    if sum(char.isdigit() for char in str(to_json(value))) > MAX_DIGITS:
        return problems.add(node.place, found(node), f"a number that can be written with {MAX_DIGITS} digits")
    return value


def choice(words: type[E], *, only: tuple[E, ...] = ()) -> Convert[E]:
    """One word of a closed set."""
    allowed = only or tuple(words)

    def convert(node: Node, problems: Problems) -> E | None:
        value = _written(node, problems, "one of " + ", ".join(allowed))
        if value is None:
            return None
        chosen = next((word for word in allowed if word.value == value), None)
        return chosen or problems.add(node.place, found(node), "one of " + ", ".join(allowed))

    return convert


def moment(node: Node, problems: Problems) -> datetime | None:
    """An ISO 8601 time with a zone, as UTC."""
    if not isinstance(node, Scalar) or is_null(node):
        return problems.add(node.place, found(node), "a time such as 2026-03-10T12:00:00Z")
    start = _MOMENT.match(node.text)
    if not start:
        return problems.add(node.place, found(node), "a time such as 2026-03-10T12:00:00Z")
    zone = node.text[start.end() :]
    if not zone:
        return problems.add(node.place, f"{found(node)}, a time without a zone", f'"{node.text}Z" for UTC, or an offset such as +01:00')
    if not _ZONE.fullmatch(zone):
        return problems.add(node.place, found(node), "a time such as 2026-03-10T12:00:00Z")
    try:
        return datetime.fromisoformat(node.text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return problems.add(node.place, f"{found(node)}, a time that does not exist", "a time such as 2026-03-10T12:00:00Z")


def day(node: Node, problems: Problems) -> date | None:
    """A calendar day, YYYY-MM-DD."""
    if isinstance(node, Scalar) and _DAY.fullmatch(node.text):
        try:
            return date.fromisoformat(node.text)
        except ValueError:
            return problems.add(node.place, f"{found(node)}, a day that does not exist", "a day such as 2026-03-31")
    return problems.add(node.place, found(node), "a day such as 2026-03-31")


def json_value(node: Node, problems: Problems) -> Json:
    """Any value, in the canonical form that configurations have (numbers that are not whole become decimal text)."""
    return to_json(anything(node, problems))


def anything(node: Node, problems: Problems) -> Json:
    """Any value: null, true, false, whole and decimal numbers, text, lists, maps. None also after a problem was noted."""
    if isinstance(node, ListNode):
        return [anything(item, problems) for item in node.items]
    if isinstance(node, MapNode):
        return {key: anything(item, problems) for key, item in node.entries.items()}
    if not node.plain or is_null(node):
        return None if node.plain else node.text
    if node.text in {"true", "false"}:
        return node.text == "true"
    return _number_or_text(node, problems)


def _number_or_text(node: Scalar, problems: Problems) -> Json:
    if node.text.lower() in _GUESSED:
        return problems.add(node.place, found(node), f'"{node.text}" in quotes for the word, or true, false or null')
    if not _NUMBER_LIKE.fullmatch(node.text):
        return node.text
    if sum(char.isdigit() for char in node.text) > MAX_DIGITS:
        return problems.add(node.place, f"a number of more than {MAX_DIGITS} digits", "quotes around it, if it is a text")
    if not _NUMBER.fullmatch(node.text):
        return problems.add(node.place, found(node), f'"{node.text}" in quotes, or a plain decimal number')
    value = int(node.text) if _WHOLE.fullmatch(node.text) else float(node.text)
    return value if math.isfinite(value) else problems.add(node.place, found(node), "a finite number")


def _written(node: Node, problems: Problems, wanted: str) -> str | None:
    """The text of a scalar that can only mean text."""
    if not isinstance(node, Scalar) or is_null(node):
        return problems.add(node.place, found(node), wanted)
    if node.plain and _DIGITS.fullmatch(node.text):
        return problems.add(node.place, f"the number {shown(node.text)[1:-1]}", f"text; quote it: {shown(node.text)}")
    if node.plain and node.text.lower() in _GUESSED - {"y", "n"}:
        fix = f"{wanted}; quote it: {shown(node.text)} (without quotes YAML reads it as true, false or null)"
        return problems.add(node.place, found(node), fix)
    return node.text
