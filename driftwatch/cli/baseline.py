"""`driftwatch baseline`: capture, propose, approve, reject, refresh, diff, show, history, export, import, sign."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from driftwatch.cli.context import Asking, AsOption, ConfigOption, JsonOption, KeyOption, actor, wired
from driftwatch.cli.output import ErrorsAsSentences, emit_json, say, table
from driftwatch.domain.baseline import BaselineVersion
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.request import RequestState
from driftwatch.errors import DriftwatchError, InputError
from driftwatch.operations import approvals, baseline_views, baselines, describe, describe_baselines, exchange, requests
from driftwatch.operations.identify import Act

app = typer.Typer(cls=ErrorsAsSentences, no_args_is_help=True, help="Approved states: who proposed and who approved them.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The baseline's name in the config.")]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="A version's id, or a baseline's name for its newest version.")]
LeaveOut = Annotated[list[str] | None, typer.Option(help="Cells to leave out, ACCOUNT/REGION/TYPE with * and ?. Needs --reason.")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]


@app.command()
def capture(
    name: Name,
    leave_out: LeaveOut = None,
    reason: Reason = "",
    propose: Annotated[bool, typer.Option("--propose", help="Propose it in the same step.")] = False,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Capture what the last complete readings saw, as a new version. Nothing is approved by that.

    Refused while a covered cell is not completely and freshly read, unless it is left out by name: it then stays unbaselined.
    """
    with wired(config) as made:
        who = actor(made, Asking(as_person, key), Act(action="baseline_capture", object=name))
        version = baselines.capture(made.installation, name, who, _left_out(leave_out, reason))
        if propose:
            version = baselines.propose(made.installation, version.id, who)
    _tell(version, json=json)


@app.command()
def propose(
    version: Version, as_person: AsOption = None, key: KeyOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Put a captured version up for approval by somebody else."""
    with wired(config) as made:
        found = baseline_views.find(made.installation, version)
        who = actor(made, Asking(as_person, key), Act(action="baseline_propose", object=found.id, content_hash=found.content_hash))
        _tell(baselines.propose(made.installation, found.id, who), json=json)


@app.command()
def approve(
    version: Version,
    content_hash: Annotated[str, typer.Option("--hash", help="The content hash you looked at, 12 digits or more.")] = "",
    accept_risk: Annotated[list[str] | None, typer.Option(help="A finding that may enter as it is. Needs --reason.")] = None,
    reason: Reason = "",
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Approve a proposal by its content hash. Nobody approves their own; when R13 is satisfied the version becomes active at once."""
    if accept_risk and not reason:
        raise InputError("--accept-risk was given without --reason", expected="why the risk is acceptable")
    with wired(config) as made:
        found = baseline_views.find(made.installation, version)
        who = actor(made, Asking(as_person, key), Act(action="baseline_approve", object=found.id, content_hash=found.content_hash))
        seen = content_hash or _ask_hash(found)
        accepted = dict.fromkeys(accept_risk or (), reason)
        done = approvals.approve(made.installation, found.id, who, seen_hash=seen, accept_risk=accepted)
    _tell(done.version, json=json, active=done.active, notes=[result.explanation for result in done.results if result.explanation])


@app.command()
def reject(
    version: Version,
    reason: Reason,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Reject a proposal; your own is withdrawn."""
    with wired(config) as made:
        found = baseline_views.find(made.installation, version)
        who = actor(made, Asking(as_person, key), Act(action="baseline_reject", object=found.id, content_hash=found.content_hash))
        _tell(approvals.reject(made.installation, found.id, who, reason), json=json)


@app.command()
def refresh(
    name: Name,
    leave_out: LeaveOut = None,
    reason: Reason = "",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for a running daemon, or print the request's id.")] = True,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Register a fresh proposal: from the baseline's files where they are its source, else from the last complete readings.

    It never activates anything by itself; valid signatures on the files count as approvals.
    """
    with wired(config) as made:
        installation = made.installation
        who = actor(made, Asking(as_person, key), Act(action="baseline_refresh", object=name))
        if requests.daemon_is_alive(installation) and not leave_out:
            request = requests.ask_refresh(installation, name, who)
            if not wait:
                emit_json({"request": request.id}) if json else say(request.id)
                return
            ended = requests.wait(installation, request.id, time.sleep, lambda _request: None)
            if ended.state is not RequestState.DONE:
                raise DriftwatchError(f"the daemon's refresh {ended.state.value}: {ended.error or 'no reason recorded'}")
            version = baseline_views.find(installation, ended.result["version"])
        else:
            folder = made.baseline_folders.get(name)
            version = exchange.refresh(installation, name, who, folder=folder, left_out=_left_out(leave_out, reason)).version
    _tell(version, json=json)


@app.command()
def diff(
    version: Version,
    other: Annotated[str | None, typer.Argument(metavar="OTHER", help="Another version; without it, the world as last read.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show, resource by resource, what another version or the world changes against a version. Exit code 2 when something differs."""
    with wired(config) as made:
        found = baseline_views.find(made.installation, version)
        second = baseline_views.find(made.installation, other).id if other else None
        differing = list(baseline_views.differences(made.installation, found.id, second))
    if json:
        emit_json([describe_baselines.resource_diff_document(item) for item in differing])
    else:
        table(
            ("cell", "resource", "op", "path"),
            [
                (item.cell, item.label or item.resource_id, change.op.value, change.path)
                for item in differing
                for change in item.differences
            ],
        )
    raise typer.Exit(2 if differing else 0)


@app.command()
def show(version: Version, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show a version: author, approvals, content hash, the cells it holds, what it leaves out, and the drifts that entered it."""
    with wired(config) as made:
        found, cells = baseline_views.show(made.installation, baseline_views.find(made.installation, version).id)
    document = describe_baselines.whole_version_document(found, cells)
    if json:
        emit_json(document)
        return
    say(*(f"{name}: {document[name]}" for name in ("id", "name", "state", "author", "created_at", "content_hash", "parent", "note")))
    table(
        ("approver", "decision", "at", "method", "assurance"), [list(item.values()) for item in document["approvals"]], title="\napprovals"
    )
    table(("cell", "left out because", "by"), [list(item.values()) for item in document["omissions"]], title="\nleft out")
    table(("finding", "verdict", "disposition"), [list(item.values()) for item in document["included"]], title="\nincluded drifts")
    table(("cell", "resources"), [(cell, part.count) for cell, part in sorted(cells.items())], title="\ncells")


@app.command()
def history(name: Name, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the versions of a baseline, newest first."""
    with wired(config) as made:
        versions = baseline_views.history(made.installation, name)
    if json:
        emit_json([describe.version_document(version) for version in versions])
        return
    rows = [
        (
            item.id,
            item.state.value,
            item.author,
            ",".join(a.who for a in item.approvals),
            utc_text(item.created_at),
            item.content_hash[:16],
            item.note,
        )
        for item in versions
    ]
    table(("version", "state", "author", "approvals", "created", "content hash", "note"), rows)


@app.command()
def export(
    name: Name,
    folder: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="Where to (default: baselines/NAME here).")] = None,
    version: Annotated[str | None, typer.Option(help="A version's id (default: the active one).")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write a version as files for review and signing in git. What the folder held is replaced in one step."""
    with wired(config) as made:
        target = folder or made.baseline_folders.get(name) or Path("baselines") / name
        exported = exchange.export(made.installation, name, target, version)
    emit_json({"version": exported.id, "folder": str(target), "content_hash": exported.content_hash}) if json else say(
        f"{exported.id} -> {target}"
    )


@app.command(name="import")
def import_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of one baseline: it holds manifest.json.")],
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Register the baseline in FOLDER as a proposal. Valid signatures of allowed signers count as approvals, nothing else does."""
    with wired(config) as made:
        who = actor(made, Asking(as_person, key), Act(action="baseline_import", object=str(folder)))
        imported = exchange.import_baseline(made.installation, folder, who)
    notes = ["this content was known already"] if imported.known else []
    _tell(imported.version, json=json, active=imported.active, notes=[*notes, *(f"signed by {who}" for who in imported.signed_by)])


@app.command()
def sign(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of one exported baseline.")],
    key: Annotated[Path, typer.Option(help="Your SSH key (the public half, if an agent holds the private one).")],
    principal: Annotated[str, typer.Option(help="Your name in the allowed signers file.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Sign the content hash of an exported baseline with your SSH key (namespace driftwatch-baseline)."""
    with wired(config) as made:
        signature = exchange.sign(made.installation, folder, key, principal)
    emit_json({"signature": str(signature)}) if json else say(str(signature))


def _left_out(patterns: list[str] | None, reason: str) -> list[baselines.LeftOut]:
    if patterns and not reason:
        raise InputError("--leave-out was given without --reason", expected="why these cells are left out")
    return [baselines.LeftOut(pattern=pattern, reason=reason) for pattern in patterns or ()]


def _ask_hash(version: BaselineVersion) -> str:
    if not sys.stdin.isatty():
        raise InputError(
            "an approval names the content it approves", expected=f"--hash with the content hash that `baseline show {version.id}` prints"
        )
    say(f"{version.id} of {version.name}, proposed by {version.author}", f"content hash {version.content_hash}")
    return str(typer.prompt("type the first 12 digits of the hash you reviewed"))


def _tell(version: BaselineVersion, *, json: bool, active: bool | None = None, notes: list[str] | None = None) -> None:
    if json:
        emit_json(describe.version_document(version) | {"notes": notes or []})
        return
    say(f"{version.id} of {version.name} is {version.state.value}", f"content hash {version.content_hash}", *(notes or []))
    if active is False:
        say("not active yet: R13 asks for more approvals")
