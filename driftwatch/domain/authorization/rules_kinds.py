"""What only one kind of change record must satisfy: emergencies are reviewed (R10), standard changes follow a template (R17)."""

from __future__ import annotations

from datetime import timedelta

from driftwatch.domain.authorization import wording_evidence as wording
from driftwatch.domain.authorization.evidence import passed_tests, reviewers
from driftwatch.domain.authorization.matching import covers, names_resource
from driftwatch.domain.authorization.policy import Mode, TemplateStatus
from driftwatch.domain.authorization.question import FAIL, PASS, PENDING, Answer, Question


def emergency_review(question: Question) -> Answer:
    """R10: an emergency change is declared in time, and reviewed by its deadline by people who had no part in it.

    It fails when it was declared too late, when a rejection stands, or when the deadline has passed without all that is required:
    approvals that suffice (of people outside it where R5 is enforced), and what R6 and R7 ask for where they are enforced. Until the
    deadline it is pending. Both limits run from the latest time at which the change may have been made; no clock tolerance is added.
    """
    made, deadline, record = question.moment.latest, question.review_deadline, question.record
    allowed = timedelta(hours=question.policy.emergency.declare_within_h)
    if record.created_at > made + allowed:
        return Answer(FAIL, wording.declared_late(question, allowed), "late_declaration")
    if rejecters := question.approvals.rejecters(question.now):
        return Answer(FAIL, wording.rejected_in_review(rejecters), "rejected_by")
    missing = missing_in_review(question)
    if not missing:
        return Answer(PASS, wording.reviewed_in_time(question))
    detail = f"missing:[{','.join(missing)}]"
    if question.now <= deadline:
        return Answer(PENDING, wording.review_due(question, missing), detail)
    return Answer(FAIL, wording.review_missed(question, missing), detail)


def missing_in_review(question: Question) -> list[str]:
    """The rules whose evidence the review of an emergency change still lacks, counting what is dated up to its deadline."""
    policy, by = question.policy, min(question.now, question.review_deadline)
    outside = question.doers if policy.mode("R5") is Mode.ENFORCE else frozenset[str]()
    needed = {
        "R4": question.approvals_by(by).satisfied(by, outside),
        "R6": policy.mode("R6") is not Mode.ENFORCE or len(reviewers(question, by)[0]) >= policy.reviews.min_count,
        "R7": policy.mode("R7") is not Mode.ENFORCE or bool(passed_tests(question, by)[0]),
    }
    return [rule for rule, given in needed.items() if not given]


def standard_template(question: Question) -> Answer:
    """R17 fails when a standard change names no template that was approved by another person than its author, was valid when the change
    was made (from `valid_from` up to before `valid_until`; no clock tolerance is added), and covers the change."""
    template, people = question.template, question.people
    if template is None:
        return Answer(FAIL, wording.no_template(question), "no_template")
    if template.status is not TemplateStatus.APPROVED or template.approved_by is None:
        return Answer(FAIL, wording.unapproved_template(template), "template_unapproved")
    if people.resolve(template.author) == people.resolve(template.approved_by):
        return Answer(FAIL, wording.self_approved_template(template), "template_self_approved")
    if not template.valid_from <= question.moment.latest < template.valid_until:
        return Answer(FAIL, wording.template_not_valid(question, template), "template_not_valid")
    drift, policy, path = question.drift, question.policy, question.change.path
    if not any(names_resource(target, drift, policy) and covers(target, path, drift, policy) for target in template.scope):
        return Answer(FAIL, wording.outside_template(question, template), "outside_template")
    return Answer(PASS, f"The template {template.id}, which {template.approved_by} approved, covers it.")
