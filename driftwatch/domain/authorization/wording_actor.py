"""The sentences of R8, R15 and R18: who made the change, and who may."""

from __future__ import annotations

from collections.abc import Sequence

from driftwatch.domain.activity import ActorEvent, RunRef
from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.moment import Moment
from driftwatch.domain.authorization.question import Question


def nobody_known(question: Question) -> str:
    event = question.instance.event
    if event is None:
        return f"No logged call tells who made the change {question.moment}, so nobody can say whether an implementer did."
    return f"The call {event.event_name} does not tell who made it, so nobody can say whether an implementer did."


def no_implementers(named: Sequence[str]) -> str:
    return f"It was made by {words.listed(named, 'for')}, and the record names no implementer to compare with."


def implementer(named: Sequence[str]) -> str:
    return f"It was made by {words.listed(named, 'for')}, whom the record names as implementer."


def not_implementer(question: Question, named: Sequence[str]) -> str:
    allowed = words.listed(question.record.implementers, "or") or "nobody"
    return f"It was made by {words.listed(named, 'for')}, and the record says that {allowed} implements it."


def pipeline(event: ActorEvent, name: str, *, linked: bool = False) -> str:
    """For a run of a registered pipeline; it is told where no human stands behind it, since nobody's duties can be kept apart then."""
    run = f"a run of the registered pipeline {name} that belongs to this record" if linked else f"the registered pipeline {name}"
    human = f"on behalf of {event.on_behalf_of}" if event.on_behalf_of else "and the log names no human behind it"
    return f"It was made by {run}, {human}."


def unlinked(pipeline: str) -> str:
    return f"It was made by the registered pipeline {pipeline}, whose run does not say which record it carried out."


def other_run(question: Question, pipeline: str, run: RunRef) -> str:
    said = {"the record": run.change_id, "the commit": run.commit, "the run": run.run_id}
    named = words.listed([f"{what} {value}" for what, value in said.items() if value is not None])
    return f"It was made by the registered pipeline {pipeline} for {named}, which is not of {question.record.id}."


def privileged(actor: str, moment: Moment) -> str:
    return f"It was made {moment} with {actor}, an identity that is kept for emergencies, and the record declares none."


def perhaps_by_hand(question: Question) -> str:
    return f"Only a pipeline may change this resource, and nobody knows who changed it {question.moment}."


def by_hand(question: Question, actor: str) -> str:
    return f"Only a pipeline may change this resource, and {actor} changed it by hand {question.moment}."
