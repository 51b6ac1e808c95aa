"""Why a mutant of the decision core makes no difference that a test could notice: its key, as `tests.mutation` prints it, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REASONS: Final[Mapping[str, str]] = {}
