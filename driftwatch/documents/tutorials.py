"""The tutorial case files that driftwatch ships, one for each preset."""

from __future__ import annotations

from importlib import resources

from driftwatch.documents.policies import PRESETS
from driftwatch.documents.tree import shown
from driftwatch.errors import InputError


def text(preset: str) -> str:
    """The tutorial of a preset, as text; raises InputError for a name that is none."""
    if preset not in PRESETS:
        raise InputError(f"the preset {shown(preset)}", expected="one of " + ", ".join(PRESETS))
    return (resources.files(__package__) / "tutorials" / f"{preset}.yaml").read_text(encoding="utf-8")
