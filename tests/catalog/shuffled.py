"""Recorded collections, asked again of an AWS that answers the same in another order.

AWS promises no order of members, elements, tags or items, and no page size. `Remembered` notes what was answered to which question while
a recording is replayed; `Shuffled` then answers by question, with everything in another order and cut into other pages.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

from driftwatch.aws.calls import Caller, CallFailed
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.entry import DetailCall, Entry, Paging, path_segments
from driftwatch.aws.expressions import roots
from driftwatch.aws.paging import page_rule
from driftwatch.aws.planning import Place, plan
from driftwatch.aws.recorded import RecordedCaller, is_reply, read_reply
from driftwatch.aws.replay import ACCOUNT, PUBLIC_TEST_KEY, REGION
from driftwatch.aws.rows import search
from driftwatch.aws.sdk import Sdk
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.canonical import canonical_json
from driftwatch.domain.scan import Reading
from driftwatch.domain.snapshot import Batch

Question: TypeAlias = tuple[str, str, bytes, str]
Answer: TypeAlias = list[dict[str, Any] | CallFailed]
Found: TypeAlias = tuple[dict[tuple[str, str], str], list[tuple[str, str, str]]]
"""(type, id) -> fingerprint, and the gaps as (type, resource, reason)."""


def question(service: str, operation: str, params: Mapping[str, Any], region: str) -> Question:
    return service, operation, canonical_json(dict(params)), region


class Remembered:
    """Passes on what a recording answers, and notes it by question."""

    def __init__(self, recording: RecordedCaller, answers: dict[Question, Answer]) -> None:
        self._recording = recording
        self._answers = answers

    def call(self, service: str, operation: str, params: Mapping[str, Any], region: str) -> dict[str, Any]:
        answer: Answer = []
        self._answers.setdefault(question(service, operation, params, region), answer)
        try:
            answer.append(self._recording.call(service, operation, params, region))
        except CallFailed as failed:
            answer.append(failed)
            raise
        return answer[0]  # type: ignore[return-value]  # a failure was raised

    def pages(
        self, service: str, operation: str, params: Mapping[str, Any], region: str, paging: Paging | None
    ) -> Iterator[dict[str, Any]]:
        answer: Answer = []
        self._answers.setdefault(question(service, operation, params, region), answer)
        try:
            for page in self._recording.pages(service, operation, params, region, paging):
                answer.append(page)
                yield page
        except CallFailed as failed:
            answer.append(failed)
            raise


class Shuffled:
    """Answers what was remembered, in another order each time. `changed` counts the answers that came out differently."""

    def __init__(self, answers: Mapping[Question, Answer], catalog: Mapping[str, Entry], sdk: Sdk, rng: random.Random) -> None:
        self._answers = answers
        self._entries = list(catalog.values())
        self._sdk = sdk
        self._random = rng
        self.changed = 0

    def call(self, service: str, operation: str, params: Mapping[str, Any], region: str) -> dict[str, Any]:
        detail = next((found for found in self._details(service, operation) if found.batch), None)
        if detail:
            (first,) = self._batched(detail, service, params, region)
        else:
            first = self._answers[question(service, operation, params, region)][0]
        if isinstance(first, CallFailed):
            raise first
        return self._mixed(first, service, operation)  # type: ignore[no-any-return]

    def pages(
        self, service: str, operation: str, params: Mapping[str, Any], region: str, paging: Paging | None
    ) -> Iterator[dict[str, Any]]:
        answer = self._answers[question(service, operation, params, region)]
        pages = [page for page in answer if not isinstance(page, CallFailed)]
        mixed = [self._mixed(page, service, operation) for page in pages]
        if pages and self._may_be_cut(service, operation, pages, paging):
            mixed = self._cut(mixed)
        self.changed += mixed != pages or list(mixed[0] if mixed else ()) != list(pages[0] if pages else ())
        yield from mixed
        if len(answer) > len(pages):
            raise answer[-1]  # type: ignore[misc]  # what is no page is a failure

    def _batched(self, detail: DetailCall, service: str, params: Mapping[str, Any], region: str) -> Answer:
        """What all batches together answered about the values that are asked for now: batches fall otherwise among other pages."""
        batch = detail.batch
        assert batch is not None
        asked = {str(value) for value in params[batch.param]}
        replies = [
            reply
            for (at, op, _, where), answer in self._answers.items()
            for reply in answer
            if (at, op, where) == (service, detail.op, region)
        ]
        whole = next((reply for reply in replies if not isinstance(reply, CallFailed)), None)
        if whole is None:
            return replies[:1]
        good = [reply for reply in replies if not isinstance(reply, CallFailed)]
        (root,) = roots(detail.take)
        whole = {**whole, root: [e for r in good for e in r.get(root) or () if str(search(batch.match, e)) in asked]}
        if batch.missing:
            problems = [problem for reply in good for problem in reply.get(batch.missing) or ()]
            whole[batch.missing] = [p for p in problems if asked & {str(value) for value in (p.values() if isinstance(p, dict) else [p])}]
        return [whole]

    def _details(self, service: str, operation: str) -> Iterator[DetailCall]:
        return (found for entry in self._entries if entry.service == service for found in entry.detail if found.op == operation)

    def _may_be_cut(self, service: str, operation: str, pages: list[dict[str, Any]], paging: Paging | None) -> bool:
        """Whether AWS could have answered in other pages: the operation has a token, and what is taken from each page is a list."""
        known = self._sdk.operation(service, operation)
        details = list(self._details(service, operation))
        taken = [search(found.join.list if found.join else found.take, page) for found in details for page in pages]
        return bool(page_rule(known.paginator, known.model, paging).inputs) and all(isinstance(part, list) for part in taken)

    def _cut(self, pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The same elements in other pages, some of them without any; where a reply has one member with all in it, those of that."""
        outer = next(iter(pages[0]), "")
        if all(len(page) == 1 and isinstance(page.get(outer), dict) for page in pages):
            return [{outer: page} for page in self._cut([page[outer] for page in pages])]
        whole: dict[str, Any] = {}
        for page in pages:
            for name, value in page.items():
                whole[name] = [*whole.get(name, []), *value] if isinstance(value, list) else value
        number = self._random.randint(1, 4)
        cut: list[dict[str, Any]] = [
            {name: [] if isinstance(value, list) else value for name, value in whole.items()} for _ in range(number)
        ]
        for name, value in whole.items():
            for element in value if isinstance(value, list) else ():
                self._random.choice(cut)[name].append(element)
        return cut

    def _mixed(self, reply: dict[str, Any], service: str, operation: str) -> Any:
        readers = [entry for entry in self._entries if entry.service == service and operation in entry.operations]
        return self._shuffle(reply, _ordered(readers, operation), _embedded(readers, operation))

    def _shuffle(self, value: Any, ordered: set[str], embedded: Mapping[str, str], *, keep: bool = False) -> Any:
        """`ordered` names the lists that stay in order, `embedded` the members that hold a document, and its kind."""
        if isinstance(value, dict):
            names = list(value)
            self._random.shuffle(names)
            return {
                name: self._document(value[name], embedded[name])
                if name in embedded
                else self._shuffle(value[name], ordered, embedded, keep=name in ordered)
                for name in names
            }
        if isinstance(value, list):
            elements = [self._shuffle(element, ordered, embedded) for element in value]
            if not keep:
                self._random.shuffle(elements)
            return elements
        return value

    def _document(self, value: Any, kind: str) -> Any:
        """An embedded document with its members in another order; lists are unordered in a policy only."""
        if isinstance(value, str):
            try:
                document = json.loads(value)
            except ValueError:
                return value
            return json.dumps(self._document(document, kind)) if isinstance(document, dict) else value
        if isinstance(value, dict):
            names = list(value)
            self._random.shuffle(names)
            return {name: self._document(value[name], kind) if isinstance(value[name], dict | list) else value[name] for name in names}
        if isinstance(value, list):
            elements = [self._document(element, kind) if isinstance(element, dict | list) else element for element in value]
            if kind == "iam-policy":
                self._random.shuffle(elements)
            return elements
        return value


def _ordered(readers: list[Entry], operation: str) -> set[str]:
    """The names, in a reply, of the lists whose order counts; too many rather than too few."""
    paths = [path for entry in readers for path in entry.ordered]
    takes = {found.into: found.take for entry in readers for found in entry.detail if found.op == operation}
    return {_last(path) for path in paths} | {takes[path].rpartition(".")[2] for path in paths if path in takes}


def _embedded(readers: list[Entry], operation: str) -> dict[str, str]:
    """The names, in a reply, of the members that hold an embedded document, and the kinds of these."""
    kinds = {path: kind for entry in readers for path, kind in entry.json.items()}
    takes = {found.into: found.take for entry in readers for found in entry.detail if found.op == operation}
    named = {takes[path].rpartition(".")[2]: kind for path, kind in kinds.items() if path in takes}
    return {**{_last(path): kind for path, kind in kinds.items()}, **named}


def _last(path: str) -> str:
    return [step for step in path_segments(path) if step not in ("[]", "*")][-1]


def collected(
    folder: Path, catalog: Mapping[str, Entry], sdk: Sdk, answers: dict[Question, Answer], again: Shuffled | None = None
) -> Found:
    """What comes of the recording in `folder`: replayed as it is, its answers noted; or, with `again`, asked of that."""
    replies = [read_reply(file) for file in sorted(folder.iterdir()) if is_reply(file)]
    shared = RecordedCaller(replies, sdk)
    types = [type_ for type_, entry in catalog.items() if shared.has(entry.service, entry.list.op)]
    units = plan(catalog, types, [Place(account=Account(id=ACCOUNT, regions=(REGION,)), regions=(REGION,))], lambda _: True).units
    prints: dict[tuple[str, str], str] = {}
    gaps: list[tuple[str, str, str]] = []
    limits = Limits(calls_per_place=1)
    with closing(AwsCollector(catalog, [Account(id=ACCOUNT)], PUBLIC_TEST_KEY, "public-test-key", limits=limits)) as collector:
        for unit in units:
            caller: Caller = again or Remembered(
                shared if _unasked(shared, unit.cells[0].type, catalog) else RecordedCaller(replies, sdk), answers
            )
            for event in collector.read_with(caller, unit, Reading()):
                if isinstance(event, Batch):
                    prints |= {(found.cell.type, found.id): found.fingerprint for found in event.resources}
                else:
                    gaps += [(gap.cell.type, gap.resource_id or "", str(gap.reason)) for gap in event.gaps]
    return prints, sorted(gaps)


def _unasked(caller: RecordedCaller, type_: str, catalog: Mapping[str, Entry]) -> bool:
    entry = catalog[type_]
    while entry.parent:
        entry = catalog[entry.parent.type]
    return caller.remaining(entry.service, entry.list.op) > 0
