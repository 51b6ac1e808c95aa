"""`policy check`: what is wrong or useless in a policy that can be read. Pure: the same policy and instant, the same remarks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from driftwatch.documents.loosening import expired_deviations, loosened
from driftwatch.documents.origins import Traced
from driftwatch.documents.policies import preset
from driftwatch.domain.authorization.policy import Mode, Template, TemplateStatus
from driftwatch.domain.canonical import utc_text
from driftwatch.errors import Place
from driftwatch.operations.policy_people import people_remarks
from driftwatch.operations.policy_remarks import Level, Remark, error, warning

WARN_AHEAD: Final = timedelta(days=14)
"""So long before a deviation or a template ends, it is told."""


def check(traced: Traced, now: datetime) -> list[Remark]:
    """Every remark, the errors first, then in the order of the file. An error is something by which the policy cannot mean what it says."""
    remarks = [remark for look in _LOOKS for remark in look(traced, now)]
    remarks += people_remarks(traced)
    return sorted(remarks, key=lambda item: (item.level is not Level.ERROR, item.place.source, item.place.line, item.place.column))


def _deviations(traced: Traced, now: datetime) -> Iterator[Remark]:
    policy, today = traced.policy, now.date()
    looser = loosened(preset(policy.extends), policy)
    expired = expired_deviations(policy, today)
    for number, deviation in enumerate(policy.deviations):
        place, named = traced.place("deviations", number), f"the deviation for {deviation.rule}, approved by {deviation.approved_by},"
        if deviation.rule not in looser:
            yield warning(place, "idle_deviation", f"{named} excuses nothing: the preset is not loosened there; remove it")
        elif deviation in expired:
            remedy = f"have it approved anew, or go back to the preset {policy.extends}"
            yield error(place, "expired_deviation", f"{named} ended on {deviation.until}: {remedy}")
        elif deviation.until <= (now + WARN_AHEAD).date():
            yield warning(place, "ending_deviation", f"{named} ends on {deviation.until}")
        if deviation.rule in {other.rule for other in policy.deviations[:number]}:
            yield warning(place, "twin_deviation", f"{named} is the second for that rule")


def _never_firing(traced: Traced, now: datetime) -> Iterator[Remark]:
    """Rules that have nothing to work on, and lists that no rule looks at."""
    policy, context = traced.policy, traced.policy.context
    coming = [freeze for freeze in context.freezes if freeze.end > now]
    for rule, key, listed, lacking in (
        ("R12", "freezes", coming, "there is no freeze that is not over"),
        ("R15", "privileged_actors", context.privileged_actors, "no actor is privileged"),
        ("R17", "templates", context.templates, "there is no template, so that no standard change can be authorised"),
        ("R18", "pipeline_only", context.pipeline_only, "no resource is kept for pipelines"),
    ):
        mode = policy.mode(rule)
        if mode is not Mode.OFF and not listed:
            yield warning(traced.place("rules", rule), "never_fires", f"{rule} is set to {mode.value}, but {lacking} ({key})")
        elif mode is Mode.OFF and listed:
            yield warning(traced.place(key), "not_looked_at", f"{key} are given, but {rule}, which looks at them, is off")
    for rule in ("R5", "R16"):
        if policy.mode(rule) is not Mode.OFF and policy.mode("R4") is Mode.OFF:
            told = f"{rule} is only judged where R4 passes, and R4 is off"
            yield warning(traced.place("rules", rule), "never_fires", told)


def _contradictions(traced: Traced, now: datetime) -> Iterator[Remark]:  # noqa: ARG001 - a look takes both
    policy = traced.policy
    if policy.mode("R7") is not Mode.OFF and not policy.context.non_production_environments:
        told = "R7 asks for a test outside of production, but no environment is named as such (non_production_environments)"
        if policy.mode("R7") is Mode.ENFORCE:
            yield error(traced.place("rules", "R7"), "unsatisfiable", f"{told}: no normal change can ever be authorised")
        else:
            yield warning(traced.place("rules", "R7"), "unsatisfiable", f"{told}: it will warn of every change")
    limits = policy.emergency
    if limits.review_within_h < limits.declare_within_h:
        told = (
            f"an emergency change may be declared {limits.declare_within_h} h after it was made, but must be reviewed within "
            f"{limits.review_within_h} h"
        )
        yield warning(traced.place("emergency", "declare_within_h"), "contradiction", told)
    for number, glob in enumerate(policy.context.pipelines):
        if set(glob) <= {"*", "?"}:
            told = "every principal counts as a pipeline: no person would take part in any change, and nobody could approve one"
            yield error(traced.place("pipelines", number, "principal"), "contradiction", told)


def _templates(traced: Traced, now: datetime) -> Iterator[Remark]:
    for number, template in enumerate(traced.policy.context.templates):
        place = traced.place("templates", number)
        if template.status is not TemplateStatus.RETIRED:
            yield from _template(template, place, now)


def _template(template: Template, place: Place, now: datetime) -> Iterator[Remark]:
    named = f"the template {template.id}"
    if template.valid_until <= now:
        yield warning(place, "expired_template", f"{named} ended on {utc_text(template.valid_until)}: it authorises nothing made since")
    elif template.valid_until <= now + WARN_AHEAD:
        yield warning(place, "ending_template", f"{named} ends on {utc_text(template.valid_until)}")
    if template.status is TemplateStatus.DRAFT:
        yield warning(place, "draft_template", f"{named} is a draft: it authorises nothing")
    elif template.approved_by is None:
        yield error(place, "unapproved_template", f"{named} is called approved, but nobody approved it (approved_by)")


def _too_wide(traced: Traced, now: datetime) -> Iterator[Remark]:  # noqa: ARG001
    """Machine actors that would excuse more than an AWS service does by itself, and ids that are better written as ARNs."""
    context = traced.policy.context
    for number, actor in enumerate(context.machine_actors):
        place = traced.place("machine_actors", number)
        if actor.allow_unattributed and actor.ids is None and actor.attribute_paths is None:
            told = "a machine actor with allow_unattributed and neither ids nor attribute_paths excuses every change that no event explains"
            yield error(place, "wide_machine_actor", told) if actor.resource_types is None else warning(place, "wide_machine_actor", told)
        elif "*" in actor.principals and actor.ids is None and actor.attribute_paths is None:
            yield warning(place, "wide_machine_actor", "a machine actor for any AWS service on whole resources")
    scopes: list[tuple[tuple[str | int, ...], tuple[str, ...] | None]] = [
        *((("machine_actors", number), actor.ids) for number, actor in enumerate(context.machine_actors)),
        *((("pipeline_only", number), target.ids) for number, target in enumerate(context.pipeline_only)),
    ]
    scoped = [("templates", at, item.scope) for at, item in enumerate(context.templates)]
    scoped += [("freezes", at, item.scope) for at, item in enumerate(context.freezes)]
    scopes += [((name, at, "scope", number), target.ids) for name, at, scope in scoped for number, target in enumerate(scope)]
    for key, ids in scopes:
        for number, pattern in enumerate(ids or ()):
            if ":" not in pattern:
                told = f'the id "{pattern}" has no colon: it matches that exact id or label in any account; its ARN is one resource'
                yield warning(traced.place(*key, "ids", number), "bare_id", told)


_LOOKS: Final[tuple[Callable[[Traced, datetime], Iterator[Remark]], ...]] = (
    _deviations,
    _never_firing,
    _contradictions,
    _templates,
    _too_wide,
)
