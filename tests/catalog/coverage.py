"""docs/coverage.md: what is read of each resource type, how it is made comparable, and how that is tested.

python -m tests.catalog.coverage          writes the page; a test holds it to the catalogue
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path

import rtoml

from driftwatch.aws.catalog import load
from driftwatch.aws.cloudtrail.parsing.operations import index
from driftwatch.aws.entry import Entry, Kind
from driftwatch.aws.one import one_of
from driftwatch.aws.sdk import Sdk

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "coverage.md"
CASES = HERE / "cases"


def reasons() -> dict[str, str]:
    """The types of AWS Config that have no entry, and why: package data, beside the entries."""
    text = (resources.files("driftwatch.aws") / "not_covered.toml").read_text()
    return dict(rtoml.loads(text)["not_covered"])


def config_types(sdk: Sdk) -> list[str]:
    return sorted(sdk.config_types)


def page() -> str:
    catalog, sdk = load(), Sdk()
    names = {name: entry.type for entry in catalog.values() for name in (entry.type, *entry.aliases)}
    covered = [name for name in config_types(sdk) if name in names]
    services = {entry.service for entry in catalog.values()}
    whole = len(config_types(sdk))
    lines = ["# Coverage", "", *_introduction(len(catalog), len(services), whole, len(covered)), ""]
    for service in sorted(services):
        columns = ("type", "listed", "details", "normalised", "attributed", "by itself", "tested")
        lines += [f"## {service}", "", f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
        lines += [_row(entry) for entry in catalog.values() if entry.service == service]
        lines.append("")
    lines += ["## Not read", "", "| type | why |", "|---|---|"]
    lines += [f"| {name} | {_cell(why)} |" for name, why in sorted(reasons().items())]
    return "\n".join([*lines, ""])


def _introduction(types: int, services: int, whole: int, covered: int) -> list[str]:
    named = sum(total for total, _ in operations().values())
    mapped = sum(known for _, known in operations().values())
    return [
        f"{types} resource types of {services} services. AWS Config names {whole} types; {covered} of them are read, and",
        f"[below](#not-read) it says why {whole - covered} are not. Written by `python -m tests.catalog.coverage` from the catalogue.",
        "",
        "*Listed* is the call that finds the resources, *details* the further calls for each. *Normalised* counts the rules: members",
        "dropped (d) and kept as facts beside the configuration (f), states that settle (s), keyed lists (k), ordered lists (o), embedded",
        "documents (j) and secrets (x). *Attributed* counts the operations in CloudTrail that are known to name the type, and of how many",
        f"of them it is written down which paths they can touch: {mapped} of {named} in all; any other may have touched anything in the",
        "resource. *By itself*: one resource can be read without the rest of its cell. *Tested*: replies with every member filled (every",
        "type), recorded or written replies (cases), a life in an emulated account (live).",
    ]


def _row(entry: Entry) -> str:
    under = f", under each {entry.parent.type}" if entry.parent else ""
    where = "" if entry.scope == "regional" else f" ({entry.scope})"
    kind = "one setting: " if entry.kind is Kind.SINGLETON else ""
    itself = "yes" if one_of(entry) else "-"
    details = ", ".join(dict.fromkeys(detail.op for detail in entry.detail)) or "-"
    cells = (entry.type, f"{kind}{entry.list.op}{under}{where}", details, _rules(entry), _attributed(entry), itself, _tests(entry))
    return f"| {' | '.join(cells)} |"


def _rules(entry: Entry) -> str:
    counts = {
        "d": len(entry.drop),
        "f": len(entry.facts),
        "s": len(entry.settling),
        "k": sum(1 for keys in entry.sets.values() if keys) + len(entry.lift),
        "o": len(entry.ordered),
        "j": len(entry.json),
        "x": len(entry.secret),
    }
    return " ".join(f"{count}{letter}" for letter, count in counts.items() if count) or "-"


@lru_cache(maxsize=1)
def operations() -> Mapping[str, tuple[int, int]]:
    """By type: how many operations name it in the log, and of how many it is known which paths they can touch."""
    counts: dict[str, tuple[int, int]] = {}
    for rules in index().rules.values():
        for rule in {rule.type: rule for rule in rules}.values():
            total, known = counts.get(rule.type, (0, 0))
            counts[rule.type] = (total + 1, known + (rule.paths is not None))
    return counts


def _attributed(entry: Entry) -> str:
    total, known = operations().get(entry.type, (0, 0))
    return f"{known} of {total}" if total else "-"


def _tests(entry: Entry) -> str:
    folder = entry.type.replace("::", "-")
    cases = sum(1 for case in (CASES / folder).iterdir()) if (CASES / folder).is_dir() else 0
    live = (HERE / "live" / f"{folder}.toml").is_file()
    return ", ".join(["filled", *([f"{cases} cases"] if cases else []), *(["live"] if live else [])])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def faults() -> Iterator[str]:
    """Types of AWS Config without an entry and without a reason, and reasons for what is read."""
    catalog, known = load(), reasons()
    for name in config_types(Sdk()):
        if catalog.find(name) is None and name not in known:
            yield f"{name} is neither read nor explained"
    for name in known:
        if catalog.find(name):
            yield f"{name} is read: it needs no reason"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(json.dumps({"page": str(PAGE.name), "faults": list(faults())}, indent=1))
