"""The catalogue with a user's own entries in it: they pass the same check as ours before anything is read by them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from driftwatch.aws.catalog import Catalog, load
from driftwatch.aws.typecheck import Level, Problem, check
from driftwatch.errors import InputError


def checked(extra_dirs: Iterable[Path]) -> tuple[Catalog, list[Problem]]:
    """The catalogue, and what is worth a look in the entries of `extra_dirs`: a service or call that the installed SDK lacks (its cells
    will be gaps), for example. Raises InputError naming every fault of them by file and line."""
    catalog = load(extra_dirs)
    shipped = load()
    own = [type_ for type_ in catalog if type_ not in shipped]
    problems = check(catalog, types=own) if own else []
    errors = tuple(str(problem) for problem in problems if problem.level is Level.ERROR)
    if errors:
        raise InputError("the entries in catalog.extra_dirs do not fit the SDK", problems=errors)
    return catalog, problems
