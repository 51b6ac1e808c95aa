"""docs/coverage.md: what is read of each resource type, how it is made comparable, and how that is tested.

python -m tests.catalog.coverage          writes the page; a test holds it to the catalogue
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import rtoml

from driftwatch.aws.catalog import load
from driftwatch.aws.entry import Entry, Kind
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
        lines += [f"## {service}", "", "| type | listed | details | normalised | attributed | tested |", "|---|---|---|---|---|---|"]
        lines += [_row(entry) for entry in catalog.values() if entry.service == service]
        lines.append("")
    lines += ["## Not read", "", "| type | why |", "|---|---|"]
    lines += [f"| {name} | {_cell(why)} |" for name, why in sorted(reasons().items())]
    return "\n".join([*lines, ""])


def _introduction(types: int, services: int, whole: int, covered: int) -> list[str]:
    return [
        f"{types} resource types of {services} services. AWS Config names {whole} types; {covered} of them are read, and",
        f"[below](#not-read) it says why {whole - covered} are not. Written by `python -m tests.catalog.coverage` from the catalogue.",
        "",
        "*Listed* is the call that finds the resources, *details* the further calls for each. *Normalised* counts the rules: members",
        "dropped (d) and kept as facts beside the configuration (f), states that settle (s), keyed lists (k), ordered lists (o), embedded",
        "documents (j) and secrets (x). *Attributed* counts the CloudTrail events that an entry names besides its own create, update and",
        "delete calls; no activity source is read yet. *Tested*: replies with every member filled (every type), recorded or written",
        "replies (cases), a life in an emulated account (live).",
    ]


def _row(entry: Entry) -> str:
    under = f", under each {entry.parent.type}" if entry.parent else ""
    where = "" if entry.scope == "regional" else f" ({entry.scope})"
    kind = "one setting: " if entry.kind is Kind.SINGLETON else ""
    details = ", ".join(dict.fromkeys(detail.op for detail in entry.detail)) or "-"
    return f"| {entry.type} | {kind}{entry.list.op}{under}{where} | {details} | {_rules(entry)} | {_events(entry)} | {_tests(entry)} |"


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


def _events(entry: Entry) -> str:
    return f"{len(entry.events)} more" if entry.events else "-"


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
