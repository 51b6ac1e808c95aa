"""Change records: YAML or JSON as people and exporting scripts write it -> `ChangeRecord`s, and the refused ones with their reasons."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from driftwatch.documents import values
from driftwatch.documents.fields import Fields
from driftwatch.documents.problems import Problems
from driftwatch.documents.reader import read_all, texts
from driftwatch.documents.targets import target
from driftwatch.documents.tree import LIMITS, Limits, ListNode, MapNode, Node, Scalar, shown
from driftwatch.domain.canonical import canonical_json, sha256_hex
from driftwatch.domain.change import (
    Approval,
    ApprovalDecision,
    ApprovalKind,
    ChangeOutcome,
    ChangeRecord,
    ChangeState,
    ChangeType,
    Fetched,
    Observation,
    Review,
    ReviewDecision,
    Risk,
    SetAside,
    TestResult,
    TestRun,
    Window,
)
from driftwatch.errors import Place

DEFAULT_SOURCE = "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A good record and where it stands."""

    record: ChangeRecord
    place: Place


def parse(data: bytes, source: str, limits: Limits = LIMITS) -> Fetched:
    """The records of one file: one per document, a list of them, or a mapping with `changes`. Bad ones are set aside, good ones kept.

    Raises InputError when the file as a whole cannot be read. Two records with one id are both set aside.
    """
    placed, refused = read_records(data, source, limits)
    return without_twins(placed, refused)


def read_records(data: bytes, source: str, limits: Limits = LIMITS) -> tuple[list[Placed], list[SetAside]]:
    """The good records of one file with their places, and those that are refused. Raises InputError as `parse` does."""
    good: list[Placed] = []
    refused: list[SetAside] = []
    for document in read_all(data, source, limits):
        for node in _records_in(document):
            problems = Problems()
            record = change_record(node, problems)
            if problems or record is None:
                refused.append(SetAside(place=str(node.place), problem=str(problems.error()), id=_id_of(node)))
            else:
                good.append(Placed(record=record, place=node.place))
    return good, refused


def without_twins(placed: list[Placed], refused: list[SetAside]) -> Fetched:
    """What a source holds: records that share an id, be it with a refused one, are all set aside, each naming the places of all."""
    places: dict[str, list[str]] = defaultdict(list)
    for id_, place in [(item.record.id, str(item.place)) for item in placed] + [(item.id, item.place) for item in refused if item.id]:
        places[id_].append(place)
    twins = [
        SetAside(place=str(item.place), problem=_twin_text(item, places[item.record.id]), id=item.record.id)
        for item in placed
        if len(places[item.record.id]) > 1
    ]
    return Fetched(
        records=tuple(item.record for item in placed if len(places[item.record.id]) == 1),
        set_aside=(*refused, *twins),
    )


def _twin_text(item: Placed, places: list[str]) -> str:
    return f"{item.place}: the id {shown(item.record.id)} stands more than once: {', '.join(sorted(places))}; expected each id once"


def change_record(node: Node, problems: Problems) -> ChangeRecord | None:
    """One record. An unknown type counts as normal, the strictest; an unknown key or state is a problem."""
    fields = Fields(node, problems, "a change record")
    record = ChangeRecord(
        id=fields.required("id", values.name),
        source=fields.either("source", values.name, DEFAULT_SOURCE),
        url=fields.optional("url", values.name),
        title=fields.optional("title", values.text),
        type=fields.either("type", _type, ChangeType.NORMAL),
        state=fields.either("state", values.choice(ChangeState), ChangeState.REQUESTED),
        outcome=fields.optional("outcome", values.choice(ChangeOutcome)),
        risk=fields.optional("risk", values.choice(Risk)),
        requester=fields.optional("requester", values.name),
        authors=fields.many("authors", values.name),
        implementers=fields.many("implementers", values.name),
        rollback_plan=fields.optional("rollback_plan", values.text),
        incident_id=fields.optional("incident_id", values.name),
        template_id=fields.optional("template_id", values.name),
        artifact_ref=fields.optional("artifact_ref", values.name),
        run_ids=fields.many("run_ids", values.name),
        approvals=fields.many("approvals", _approval),
        reviews=fields.many("reviews", _review),
        tests=fields.many("tests", _test),
        windows=fields.many("windows", window),
        scope=fields.many("scope", target),
        created_at=fields.required("created_at", values.moment),
        **_times(fields),
        observations=fields.many("observations", _observation),
        raw_hash=sha256_hex(canonical_json(texts(node))),
    )
    fields.done()
    return record


def window(node: Node, problems: Problems) -> Window | None:
    fields = Fields(node, problems, "a window")
    result = Window(start=fields.required("start", values.moment), end=fields.required("end", values.moment))
    fields.done()
    if result.start and result.end and result.end <= result.start:
        return problems.add(fields.where("end"), "a window that ends before it starts", "an end after the start")
    return result


def _records_in(document: Node) -> tuple[Node, ...]:
    if isinstance(document, ListNode):
        return document.items
    if isinstance(document, MapNode) and "changes" in document.entries:
        listed = document.entries["changes"]
        if isinstance(listed, ListNode) and len(document.entries) == 1:
            return listed.items
    return (document,)


def _id_of(node: Node) -> str | None:
    id_ = node.entries.get("id") if isinstance(node, MapNode) else None
    return id_.text[: values.MAX_NAME] if isinstance(id_, Scalar) and id_.text.isprintable() and id_.text else None


def _type(node: Node, problems: Problems) -> ChangeType | None:
    word = values.name(node, problems)
    return None if word is None else next((known for known in ChangeType if known.value == word), ChangeType.NORMAL)


def _times(fields: Fields) -> dict[str, datetime | None]:
    keys = ("material_changed_at", "implemented_at", "closed_at", "cancelled_at", "rejected_at")
    return {key: fields.optional(key, values.moment) for key in keys}


def _approval(node: Node, problems: Problems) -> Approval | None:
    fields = Fields(node, problems, "an approval")
    approval = Approval(
        who=fields.required("who", values.name),
        role=fields.optional("role", values.name),
        decision=fields.required("decision", values.choice(ApprovalDecision)),
        at=fields.required("at", values.moment),
        kind=fields.either("kind", values.choice(ApprovalKind), ApprovalKind.CHANGE),
    )
    fields.done()
    return approval


def _review(node: Node, problems: Problems) -> Review | None:
    fields = Fields(node, problems, "a review")
    review = Review(
        who=fields.required("who", values.name),
        decision=fields.required("decision", values.choice(ReviewDecision)),
        at=fields.required("at", values.moment),
        ref=fields.optional("ref", values.name),
    )
    fields.done()
    return review


def _test(node: Node, problems: Problems) -> TestRun | None:
    fields = Fields(node, problems, "a test run")
    run = TestRun(
        environment=fields.required("environment", values.name),
        kind=fields.required("kind", values.name),
        automated=fields.required("automated", values.flag),
        result=fields.required("result", values.choice(TestResult)),
        finished_at=fields.required("finished_at", values.moment),
        ref=fields.optional("ref", values.name),
        url=fields.optional("url", values.name),
    )
    fields.done()
    return run


def _observation(node: Node, problems: Problems) -> Observation | None:
    fields = Fields(node, problems, "an observation")
    observation = Observation(
        at=fields.required("at", values.moment),
        approved=fields.required("approved", values.flag),
        content_hash=fields.optional("content_hash", values.name),
    )
    fields.done()
    return observation
