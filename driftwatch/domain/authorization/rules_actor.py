"""Who made the change, as far as a logged call tells: R8, R15 and R18."""

from __future__ import annotations

from typing import Final

from driftwatch.domain.activity import ActorEvent, ActorKind
from driftwatch.domain.authorization import wording_actor as wording
from driftwatch.domain.authorization.glob import any_matches
from driftwatch.domain.authorization.matching import touches
from driftwatch.domain.authorization.question import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, Answer, Question

NOBODY_KNOWN: Final = "no_actor"


def actor_not_implementer(question: Question) -> Answer:
    """R8 fails when whoever made the change is not among the record's implementers.

    A person is, or acts for somebody who is, or belongs to a group that is; without implementers that is unknown. A registered pipeline
    passes, where the policy requires it only if its run names the record, its artifact or one of its runs. Other automation must be listed.
    """
    event = question.instance.event
    humans = event is not None and event.actor_kind is ActorKind.HUMAN
    named = [name for name in (event.actor, event.on_behalf_of if humans else None) if name] if event else []
    if event is None or event.actor_kind is ActorKind.UNKNOWN or not named:
        return Answer(UNKNOWN, wording.nobody_known(question), NOBODY_KNOWN)
    if event.actor_kind is ActorKind.PIPELINE and event.actor and question.people.is_pipeline(event.actor):
        return _by_pipeline(question, event)
    if humans and not question.record.implementers:
        return Answer(UNKNOWN, wording.no_implementers(named), "no_implementers")
    if any(question.people.among(name, question.record.implementers) for name in named):
        return Answer(PASS, wording.implementer(named))
    return Answer(FAIL, wording.not_implementer(question, named), "not_implementer")


def _by_pipeline(question: Question, event: ActorEvent) -> Answer:
    """A registered pipeline: its run has to be linked to the record where the policy says so."""
    pipeline, run, record = event.actor or "", event.run_ref, question.record
    if not question.policy.pipelines_require_link:
        return Answer(PASS, wording.pipeline(event, pipeline))
    if run is None or (run.change_id, run.commit, run.run_id) == (None, None, None):
        return Answer(UNKNOWN, wording.unlinked(pipeline), "unlinked")
    by_artifact = run.commit is not None and run.commit == record.artifact_ref
    if run.change_id == record.id or by_artifact or run.run_id in record.run_ids:
        return Answer(PASS, wording.pipeline(event, pipeline, linked=True))
    return Answer(FAIL, wording.other_run(question, pipeline, run), "other_run")


def privileged_actor(question: Question) -> Answer:
    """R15 fails when the change was made with an identity that is kept for emergencies (root, break-glass)."""
    event = question.instance.event
    if event is None or event.actor is None:
        return Answer(NOT_APPLICABLE, "Nobody is known to have made the change, so nothing can be said of the identity that was used.")
    used = {event.actor, question.people.resolve(event.actor)}  # not all names of a person: only the one that was used is privileged
    if any(any_matches(question.policy.context.privileged_actors, name) for name in used):
        return Answer(FAIL, wording.privileged(event.actor, question.moment), "privileged_actor")
    return Answer(PASS, f"{event.actor} is no identity that is kept for emergencies.")


def pipeline_bypass(question: Question) -> Answer:
    """R18 fails when a person changed by hand what only a pipeline may change."""
    only = question.policy.context.pipeline_only
    if not any(touches(target, question.drift, question.change.path) for target in only):
        return Answer(PASS, "The policy lets people change this resource without a pipeline.")
    event = question.instance.event
    if event is None or event.actor_kind is ActorKind.UNKNOWN:
        return Answer(UNKNOWN, wording.perhaps_by_hand(question), NOBODY_KNOWN)
    if event.actor_kind is ActorKind.HUMAN:
        return Answer(FAIL, wording.by_hand(question, event.actor or event.on_behalf_of or "a person"), "pipeline_bypass")
    return Answer(PASS, f"It was made by {event.actor or 'automation'}, not by hand.")
