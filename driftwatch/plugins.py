"""Adapters are found by their config word: the word is the name of the module, and nothing registers itself on import."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from driftwatch.documents.fields import nearest
from driftwatch.documents.tree import shown
from driftwatch.errors import InputError, Place


def words(package: str) -> tuple[str, ...]:
    """The adapters that exist in a package (``driftwatch.change_sources``), sorted."""
    found = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return tuple(sorted(module.name for module in found if not module.ispkg and not module.name.startswith("_")))


def load(package: str, word: str, place: Place | None = None) -> ModuleType:
    """The adapter module called `word`, which has a `Settings` and a `create`; raises InputError naming those that exist."""
    known = words(package)
    if word not in known:
        kind = package.rpartition(".")[2].replace("_", " ").removesuffix("s").replace("cloudtrail", "activity source")
        raise InputError(f"the {kind} {shown(word)}", expected=f"{nearest(word, known)} (there are: {', '.join(known)})", place=place)
    return importlib.import_module(f"{package}.{word}")
