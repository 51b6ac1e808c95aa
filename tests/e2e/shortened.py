"""The files of deploy/prometheus with other addresses, and with times short enough for a test. Everything else in them stays."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION: Final = re.compile(r"(\d+)(ms|s|m|h|d)")
_WINDOW: Final = re.compile(r"\[(\w+)\]")
_AGE: Final = re.compile(r"^(time\(\) - .*[<>]=? )(\d+)$", re.DOTALL)
MARK: Final = "shortened"
"""The label of alerts whose times are not those that are shipped."""


def shorter(duration: str, factor: int) -> str:
    """A duration of Prometheus, such as ``10m``, divided by `factor`; to the millisecond."""
    found = _DURATION.fullmatch(duration)
    assert found, duration
    return f"{int(found[1]) * _UNITS[found[2]] // factor}ms"


def rules(document: Mapping[str, Any], factor: int, names: Collection[str]) -> dict[str, Any]:
    """These alerts with every `for`, every window and every limit of an age divided by `factor`; they carry `MARK` as a label."""
    found = [rule for group in document["groups"] for rule in group["rules"] if rule.get("alert") in names]
    assert sorted(rule["alert"] for rule in found) == sorted(names)
    return {"groups": [{"name": MARK, "rules": [_rule(rule, factor) for rule in found]}]}


def _rule(rule: Mapping[str, Any], factor: int) -> dict[str, Any]:
    expression = _WINDOW.sub(lambda found: f"[{shorter(found[1], factor)}]", rule["expr"].strip())
    expression = _AGE.sub(lambda found: f"{found[1]}{int(found[2]) / factor:g}", expression)
    waits = {"for": shorter(rule["for"], factor)} if "for" in rule else {}
    return {**rule, "expr": expression, "labels": {**rule["labels"], MARK: "yes"}, **waits}


def alertmanager(document: Mapping[str, Any], factor: int, address: str) -> dict[str, Any]:
    """The example with its pauses divided by `factor`. Each receiver is called at `address`, by its own name as path."""
    names = [receiver["name"] for receiver in document["receivers"]]
    receivers = [
        {**receiver, "webhook_configs": [{**hook, "url": f"{address}/{name}"} for hook in receiver["webhook_configs"]]}
        for name, receiver in zip(names, document["receivers"], strict=True)
    ]
    return {**document, "route": _route(document["route"], factor), "receivers": receivers}


def _route(route: Mapping[str, Any], factor: int) -> dict[str, Any]:
    pauses = {name: shorter(value, factor) for name, value in route.items() if name.endswith(("_wait", "_interval"))}
    inner = {"routes": [_route(each, factor) for each in route["routes"]]} if "routes" in route else {}
    return {**route, **pauses, **inner}


def prometheus(
    document: Mapping[str, Any], *, scrape_s: int, evaluate_s: int, target: str, manager: str, more_rules: str
) -> dict[str, Any]:
    """The example with these times and addresses, and one more file of rules."""
    (job,) = document["scrape_configs"]
    (static,) = job["static_configs"]
    return {
        **document,
        "global": {"scrape_interval": f"{scrape_s}s", "evaluation_interval": f"{evaluate_s}s"},
        "rule_files": [*document["rule_files"], more_rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
        "scrape_configs": [{**job, "static_configs": [{**static, "targets": [target]}]}],
    }
