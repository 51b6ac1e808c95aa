"""Names that look alike but are not the same: they are never equal, and always worth a look.

Names are compared exactly. Whoever registers as mia with a Cyrillic letter in it is another person than mia, but a reader of a ticket
cannot tell; so such names are pointed out.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

_LATIN_LOOKS: Final = str.maketrans(
    {
        **dict(zip("аеорсухіјѕһԁԛԝӏкмтнв", "aeopcyxijshdqwlkmthb", strict=True)),
        **dict(zip("αορνικτυχγε", "aopviktuxye", strict=True)),
        **dict(zip("ıȷɑɡɩʋ", "ijagiv", strict=True)),
        "0": "o",
        "1": "l",
        "|": "l",
    }
)
"""Letters of other scripts that print like a Latin one (a part of the Unicode consortium's table of confusables), after folding case."""
_SCRIPTS: Final = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "HEBREW", "ARABIC", "CHEROKEE")


def skeleton(name: str) -> str:
    """What a name looks like: two names with one skeleton are easily taken for each other."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    plain = "".join(char for char in folded if not unicodedata.combining(char))
    return plain.translate(_LATIN_LOOKS).replace("rn", "m")


def scripts(name: str) -> tuple[str, ...]:
    """The scripts that the letters of a name belong to, where it is one of those that are mixed up."""
    found = {script for char in name if char.isalpha() for script in _SCRIPTS if unicodedata.name(char, "").startswith(script)}
    return tuple(sorted(found))


def alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of different names that look the same, sorted."""
    by_look: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        by_look[skeleton(name)].add(name)
    return sorted(tuple(sorted(group)) for group in by_look.values() if len(group) > 1)
