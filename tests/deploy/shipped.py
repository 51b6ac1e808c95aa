"""The files below deploy/prometheus, deploy/grafana and docs/runbooks, read once."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
RULES: Final = PROMETHEUS / "driftwatch.rules.yaml"
RULE_TESTS: Final = tuple(sorted(PROMETHEUS.glob("*.test.yaml")))
DASHBOARD: Final = ROOT / "deploy" / "grafana" / "driftwatch.json"
RUNBOOKS: Final = ROOT / "docs" / "runbooks"

_SELECTOR: Final = re.compile(r"(?<![\w:])(driftwatch[_:][\w:]+)(?:\s*\{([^}]*)\})?")
_MATCHER: Final = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*\"([^\"]*)\"")


@dataclass(frozen=True, slots=True)
class Use:
    """A metric as it is used in an expression: its name and its matchers (label, operator, value)."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]


def uses(expression: str) -> Iterator[Use]:
    """The metrics of an expression, and those that rules record: these have a colon in their names."""
    for name, matchers in _SELECTOR.findall(expression):
        yield Use(name, tuple(_MATCHER.findall(matchers)))


@functools.cache
def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


@functools.cache
def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


@functools.cache
def recorded() -> dict[str, str]:
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


@functools.cache
def cases() -> list[dict[str, Any]]:
    return [case for file in RULE_TESTS for case in yaml.safe_load(file.read_text())["tests"]]


def panels() -> list[dict[str, Any]]:
    """The panels that show something: those without a query are headings."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel.get("targets")]


def expressions() -> dict[str, str]:
    """Every expression that names metrics: where it stands -> the expression."""
    found = {rule.get("alert") or rule["record"]: rule["expr"] for rule in rules()}
    found |= {f"panel {panel['title']!r}, {target['refId']}": target["expr"] for panel in panels() for target in panel["targets"]}
    for number, case in enumerate(cases()):
        found |= {f"test {case['name']!r}, {number}.{index}": item["series"] for index, item in enumerate(case["input_series"])}
    return found
