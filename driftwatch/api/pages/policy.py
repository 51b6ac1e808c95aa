"""The policy in force: its rules, where each value comes from, what was loosened by whom, and the freezes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import Request, Response

from driftwatch.api import cutting, site
from driftwatch.api.asking import Asking
from driftwatch.api.routing import PageRoutes
from driftwatch.domain.access import Permission
from driftwatch.domain.authorization.meanings import RULE_MEANINGS
from driftwatch.domain.authorization.policy import Freeze, Policy
from driftwatch.domain.authorization.rules import RULE_NAMES
from driftwatch.domain.canonical import utc_text
from driftwatch.operations import policy_views

routes: Final = PageRoutes()
MOST_VALUES: Final = 300
_RULES: Final = "rules."
_SHOWN_ELSEWHERE: Final = ("rules", "freezes", "deviations")


@routes.read("/policy")
def show(request: Request, caller: Asking) -> Response:
    """The policy in force."""
    policy = caller.installation.policy
    document: dict[str, Any] = policy_views.in_force(caller.installation, caller.wired.config.policy)
    origins = document["values"]
    named = {item["key"]: _origin(item, policy) for item in origins or ()}
    values = origins if origins is not None else [{"key": key, "value": value} for key, value in document["policy"].items()]
    shown = [item for item in values if item["key"].partition(".")[0] not in _SHOWN_ELSEWHERE]
    budget = cutting.Budget()
    return site.page(
        request,
        "policy.html",
        caller=caller,
        policy=document,
        reloaded=origins is not None,
        rules=_rules(policy, named, document["deviations"]),
        values=[{"key": item["key"], "value": budget.cut(item["value"]), "origin": named.get(item["key"])} for item in shown[:MOST_VALUES]],
        more_values=max(0, len(shown) - MOST_VALUES),
        freezes=[_freeze(item, caller.installation.clock()) for item in policy.context.freezes],
        may_try=caller.rights.allows(Permission.OPERATE),
    )


def _rules(policy: Policy, origins: dict[str, str], deviations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "id": rule,
            "name": RULE_NAMES[rule],
            "meaning": RULE_MEANINGS[rule],
            "mode": policy.mode(rule).value,
            "origin": origins.get(_RULES + rule),
            "deviations": [item for item in deviations if item["rule"] == rule],
        }
        for rule in sorted(RULE_NAMES, key=lambda rule: int(rule[1:]))
    ]


def _origin(item: dict[str, Any], policy: Policy) -> str:
    """Where a value comes from, as `policy show` says it."""
    source, place = item["source"], item["place"]
    if source == "preset":
        return f"preset {policy.extends}"
    if place is None:
        return str(source)
    return str(place) if source == "file" else f"{source} ({place})"


def _freeze(item: Freeze, now: datetime) -> dict[str, Any]:
    state = "over" if item.end <= now else "ahead" if now < item.start else "in force"
    return {
        "id": item.id,
        "start": utc_text(item.start),
        "end": utc_text(item.end),
        "override": item.override_role,
        "state": state,
        "targets": len(item.scope),
        "exempt": [kind.value for kind in item.exempt_types],
    }
