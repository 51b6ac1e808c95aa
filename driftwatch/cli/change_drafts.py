"""`driftwatch changes new` and `amend`: a record from flags, from questions on a terminal, from a file, a finding, or a Terraform plan."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from driftwatch.cli.change_output import tell_held
from driftwatch.cli.context import Asking, AsOption, ConfigOption, JsonOption, KeyOption, actor, wired
from driftwatch.cli.output import emit_json
from driftwatch.documents.drafts import draft, draft_document, read_draft
from driftwatch.documents.reader import read_file
from driftwatch.domain.authorization.register_rules import content_hash
from driftwatch.domain.change import ChangeRecord, ChangeType, Risk
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError, Place
from driftwatch.operations import drafting, register
from driftwatch.operations.identify import Act
from driftwatch.operations.installation import Installation
from driftwatch.operations.register import Held
from driftwatch.wiring import Wired

Many = list[str] | None
FileOption = Annotated[Path | None, typer.Option("--file", help="A record file, written as for a `files` source (YAML or JSON).")]
TitleOption = Annotated[str | None, typer.Option(help="What is to be changed, in one line.")]
TypeOption = Annotated[ChangeType | None, typer.Option("--type", help="What kind of change (default: normal).")]
RiskOption = Annotated[Risk | None, typer.Option(help="How risky it is.")]
AuthorOption = Annotated[Many, typer.Option("--author", help="Who wrote the change, besides you. May be repeated.")]
ImplementerOption = Annotated[Many, typer.Option("--implementer", help="Who makes it: a person, group:NAME or role/NAME. May be repeated.")]
RollbackOption = Annotated[str | None, typer.Option("--rollback-plan", help="How it is taken back.")]
IncidentOption = Annotated[str | None, typer.Option("--incident", help="The incident of an emergency.")]
TemplateOption = Annotated[str | None, typer.Option("--template", help="The template of a standard change.")]
ArtifactOption = Annotated[str | None, typer.Option("--artifact", help="What is deployed: a commit, for example.")]
WindowOption = Annotated[
    Many, typer.Option("--window", help="START/END, such as 2026-03-10T10:00:00Z/2026-03-10T12:00:00Z. May be repeated.")
]
ResourceOption = Annotated[Many, typer.Option("--resource", help="An ARN or id, or a pattern over ARNs. May be repeated.")]
ResourceTypeOption = Annotated[Many, typer.Option("--resource-type", help="A resource type. May be repeated.")]
AccountOption = Annotated[Many, typer.Option("--account", help="An account id; of a Terraform plan, where it is applied. May be repeated.")]
RegionOption = Annotated[Many, typer.Option("--region", help="A region. May be repeated.")]
OperationOption = Annotated[Many, typer.Option("--operation", help="created, updated or deleted. May be repeated.")]
PathOption = Annotated[Many, typer.Option("--path", help="A pointer of what is changed, such as /Tags/owner. May be repeated.")]
TagOption = Annotated[Many, typer.Option("--tag", help="KEY=VALUE of the resources. May be repeated.")]

_TARGET_KEYS: Final = ("ids", "resource_types", "accounts", "regions", "operations", "attribute_paths", "tags")
_FLAGS: Final = {
    "type": "--type",
    "rollback_plan": "--rollback-plan",
    "incident_id": "--incident",
    "template_id": "--template",
    "artifact_ref": "--artifact",
    "authors": "--author",
    "implementers": "--implementer",
    "windows": "--window",
    "scope": "the flags of the scope",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record comes from; at most one is given."""

    file: Path | None = None
    finding: str | None = None
    plan: Path | None = None


@dataclass(frozen=True, slots=True)
class Then:
    """What is to become of the draft."""

    request: bool
    dry_run: bool
    json: bool


def new(
    file: FileOption = None,
    from_finding: Annotated[str | None, typer.Option(help="Cover exactly what this finding shows.")] = None,
    from_plan: Annotated[Path | None, typer.Option(help="Cover a Terraform plan: what `terraform show -json` writes.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="The record's id (default: a fresh one).")] = None,
    title: TitleOption = None,
    type_: TypeOption = None,
    risk: RiskOption = None,
    author: AuthorOption = None,
    implementer: ImplementerOption = None,
    rollback_plan: RollbackOption = None,
    incident: IncidentOption = None,
    template: TemplateOption = None,
    artifact: ArtifactOption = None,
    window: WindowOption = None,
    resource: ResourceOption = None,
    resource_type: ResourceTypeOption = None,
    account: AccountOption = None,
    region: RegionOption = None,
    operation: OperationOption = None,
    path: PathOption = None,
    tag: TagOption = None,
    request: Annotated[bool, typer.Option("--request", help="Put it up for approval in the same step.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the record as a file instead of making it.")] = False,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make a change record in the built-in register: you are its requester, and it is a draft until it is requested.

    Without flags, a terminal is asked for what is needed. A scope can come from a finding or a Terraform plan; look at it before you
    request the record: what is there now may not be what should be allowed.
    """
    written = _written(title, type_, risk, author, implementer, rollback_plan, incident, template, artifact, window)
    target = _target(resource, resource_type, account, region, operation, path, tag)
    with wired(config) as made:
        _new(made, Origin(file, from_finding, from_plan), id_, written, target, Asking(as_person, key), Then(request, dry_run, json))


def amend(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="The record's id.")],
    file: FileOption = None,
    title: TitleOption = None,
    type_: TypeOption = None,
    risk: RiskOption = None,
    author: AuthorOption = None,
    implementer: ImplementerOption = None,
    rollback_plan: RollbackOption = None,
    incident: IncidentOption = None,
    template: TemplateOption = None,
    artifact: ArtifactOption = None,
    window: WindowOption = None,
    resource: ResourceOption = None,
    resource_type: ResourceTypeOption = None,
    account: AccountOption = None,
    region: RegionOption = None,
    operation: OperationOption = None,
    path: PathOption = None,
    tag: TagOption = None,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Change what a record says: each flag replaces what was there; --file replaces all of it.

    Once it was requested, it has to be approved again: what was approved before was something else (R16).
    """
    written = _written(title, type_, risk, author, implementer, rollback_plan, incident, template, artifact, window)
    target = _target(resource, resource_type, account, region, operation, path, tag)
    changed = written | ({"scope": [target]} if target else {})
    with wired(config) as made:
        tell_held(_amend(made, record, file, changed, Asking(as_person, key)), json=json)


def questions(ask: Callable[..., str]) -> tuple[dict[str, Json], dict[str, Json]]:
    """What a terminal is asked for: the record, and its one target."""

    def listed(question: str) -> list[str]:
        return [item.strip() for item in ask(f"{question} (several: with commas)", default="").split(",") if item.strip()]

    title, type_ = ask("What is to be changed"), ask("Type: normal, standard or emergency", default="normal")
    if type_ not in tuple(ChangeType):
        raise InputError(f"the type {type_}", expected="normal, standard or emergency")
    implementers, rollback = listed("Who makes it"), ask("How is it taken back", default="")
    windows = listed("When, as START/END")
    written = _written(title, ChangeType(type_), None, None, implementers, rollback or None, None, None, None, windows)
    ids, operations, paths = listed("Resources, by ARN or id"), listed("created, updated or deleted"), listed("Pointers of what is changed")
    return written, _target(ids, None, None, None, operations, paths, None)


def _new(
    made: Wired, origin: Origin, id_: str | None, written: Mapping[str, Json], target: Mapping[str, Json], asking: Asking, then: Then
) -> None:
    installation = made.installation
    if origin == Origin() and not written and not target and sys.stdin.isatty():
        written, target = questions(typer.prompt)
    record, notes = _draft(installation, origin, id_, written, target)
    if then.dry_run:
        emit_json(draft_document(record))
        return
    who = actor(made, asking, Act(action="change_new", object=record.id, content_hash=content_hash(record)))
    held = register.new(installation, record, who)
    if then.request:
        held = register.request(installation, record.id, who)
    tell_held(replace(held, notes=(*notes, *held.notes)), json=then.json)


def _amend(made: Wired, record: str, file: Path | None, changed: Mapping[str, Json], asking: Asking) -> Held:
    if bool(file) == bool(changed):
        raise InputError("nothing to change" if not file else "--file beside other flags", expected="--file, or what is to be changed")
    installation = made.installation
    found = register.get(installation, record)
    who = actor(made, asking, Act(action="change_amend", object=record, content_hash=found.content_hash))

    def wanted(present: ChangeRecord) -> ChangeRecord:
        now = installation.clock()
        return _from_file(file, now, present.id) if file else draft({**draft_document(present), **changed}, record, now, _FLAGS)

    return register.amend(installation, record, wanted, who)


def _draft(
    installation: Installation, origin: Origin, id_: str | None, written: Mapping[str, Json], target: Mapping[str, Json]
) -> tuple[ChangeRecord, tuple[str, ...]]:
    now = installation.clock()
    if sum(item is not None for item in (origin.file, origin.finding, origin.plan)) > 1:
        raise InputError("more than one of --file, --from-finding and --from-plan", expected="one of them")
    if origin.file:
        if written or target or id_:
            raise InputError("--file beside other flags", expected="all of it in the file")
        return _from_file(origin.file, now), ()
    notes: tuple[str, ...] = ()
    scope: Iterable[Json] = [target] if target else []
    title: dict[str, Json] = {}
    if origin.finding or origin.plan:
        accounts = target.get("accounts") or [None]
        if len(accounts) > 1 or set(target) - ({"accounts"} if origin.plan else set()):
            raise InputError("a scope in flags beside one that is drafted", expected="the draft alone; amend it afterwards")
        made = drafting.from_plan(installation, origin.plan, accounts[0]) if origin.plan else None
        made = made or drafting.from_finding(installation, origin.finding or "")
        scope, notes, title = made.scope, made.notes, {"title": made.title}
    elif "title" not in written or not target:
        raise InputError("not enough to go by", expected="--title and --resource at least, --file, --from-finding or --from-plan")
    document = title | dict(written) | {"id": id_ or installation.new_id("change"), "scope": list(scope)}
    return draft(document, str(origin.plan or origin.finding or "the flags"), now, _FLAGS), notes


def _from_file(path: Path, now: datetime, id_: str | None = None) -> ChangeRecord:
    record = read_draft(read_file(path), str(path), now)
    if id_ and record.id != id_:
        raise InputError(f"the record {record.id}", expected=f"the record {id_}, which is to be amended", place=Place(str(path)))
    return record


def _written(
    title: str | None,
    type_: ChangeType | None,
    risk: Risk | None,
    authors: Many,
    implementers: Many,
    rollback_plan: str | None,
    incident: str | None,
    template: str | None,
    artifact: str | None,
    windows: Many,
) -> dict[str, Json]:
    given = {
        "title": title,
        "type": type_ and type_.value,
        "risk": risk and risk.value,
        "authors": authors,
        "implementers": implementers,
        "rollback_plan": rollback_plan,
        "incident_id": incident,
        "template_id": template,
        "artifact_ref": artifact,
        "windows": [_window(text) for text in windows or ()],
    }
    return {key: value for key, value in given.items() if value not in (None, [])}


def _target(ids: Many, types: Many, accounts: Many, regions: Many, operations: Many, paths: Many, tags: Many) -> dict[str, Json]:
    pairs = [text.partition("=") for text in tags or ()]
    if wrong := [key for key, separator, _ in pairs if not separator or not key]:
        raise InputError(f"--tag {wrong[0]}", expected="--tag KEY=VALUE")
    allowed: dict[str, list[str]] = {}
    for key, _, value in pairs:
        allowed.setdefault(key, []).append(value)
    values = (ids, types, accounts, regions, operations, paths, allowed)
    return {key: value for key, value in zip(_TARGET_KEYS, values, strict=True) if value}


def _window(text: str) -> dict[str, Json]:
    start, _, end = text.partition("/")
    return {"start": start, "end": end}
