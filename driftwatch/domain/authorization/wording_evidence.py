"""The sentences of R6, R7, R10, R17 and R19: reviews, tests, the way back, emergencies, and templates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.policy import Template
from driftwatch.domain.authorization.question import Question
from driftwatch.domain.change import TestRun

_MISSING: Final = {"R4": "a sufficient approval by people without a part in it", "R6": "a peer review", "R7": "a passed test"}


def reviewed(counted: Sequence[str]) -> str:
    return f"{words.listed(counted)} reviewed it and did not make it."


def not_reviewed(question: Question, counted: Sequence[str], refused: Sequence[str]) -> str:
    needed = question.policy.reviews.min_count
    but = f": {'; '.join(refused)}" if refused else ""
    return f"{len(counted)} of {needed} required {_plural('review', needed)} by people who did not make the change was given{but}."


def tested(counted: Sequence[TestRun]) -> str:
    passed = [f"the {run.kind} test in {run.environment} passed at {words.instant(run.finished_at)}" for run in counted]
    return f"{words.listed(passed)[:1].upper()}{words.listed(passed)[1:]}."


def not_tested(question: Question, refused: Sequence[str]) -> str:
    known = question.policy.context.non_production_environments
    if not known:
        return "No test outside production is known: the policy names no environment as non-production."
    if not question.record.tests:
        return f"The record shows no test in {words.listed(known, 'or')}."
    return f"No test of the record counts: {'; '.join(refused) or 'none had finished yet'}."


def no_way_back() -> str:
    return "The record has no rollback plan: it does not say how to go back."


def declared_late(question: Question, allowed: timedelta) -> str:
    made, declared = question.moment.latest, question.record.created_at
    return (
        f"The emergency was declared at {words.instant(declared)}, {words.duration(declared - made)} after the change at "
        f"{words.instant(made)}; {words.duration(allowed)} are allowed."
    )


def rejected_in_review(rejecters: Sequence[str]) -> str:
    return f"{words.listed(rejecters)} rejected the emergency change in its review, and did not take that back."


def reviewed_in_time(question: Question) -> str:
    return f"The emergency change was reviewed in full by its deadline at {words.instant(question.review_deadline)}."


def review_due(question: Question, missing: Sequence[str]) -> str:
    left = words.duration(question.review_deadline - question.now)
    return f"The review is due by {words.instant(question.review_deadline)}, in {left}; it still lacks {_lacking(missing)}."


def review_missed(question: Question, missing: Sequence[str]) -> str:
    late = words.duration(question.now - question.review_deadline)
    return f"The review was due by {words.instant(question.review_deadline)}, {late} ago, and by then it lacked {_lacking(missing)}."


def _lacking(missing: Sequence[str]) -> str:
    return words.listed([_MISSING[rule] for rule in missing])


def no_template(question: Question) -> str:
    named = question.record.template_id
    if named is None:
        return "The record is a standard change, and names no template."
    return f"The record is a standard change of the template {named}, which this policy does not have."


def unapproved_template(template: Template) -> str:
    return f"The template {template.id} is {template.status.value} and approved by {template.approved_by or 'nobody'}."


def self_approved_template(template: Template) -> str:
    return f"The template {template.id} was approved by {template.approved_by}, who wrote it."


def template_not_valid(question: Question, template: Template) -> str:
    made = question.moment.latest
    said = f"The template {template.id} is valid {words.stretch(template.valid_from, template.valid_until)}"
    if made < template.valid_from:
        return f"{said}, and the change was made {question.moment}, {words.duration(template.valid_from - made)} before that."
    return f"{said}, and the change was made {question.moment}, {words.duration(made - template.valid_until)} after its end."


def outside_template(question: Question, template: Template) -> str:
    drift, path = question.drift, question.change.path
    return f"The template {template.id} does not cover {words.place(path)} of {drift.resource_id} being {drift.kind.value}."


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"
