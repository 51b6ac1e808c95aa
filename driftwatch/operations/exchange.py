"""Baselines as files: exported for review in git, signed there, imported as proposals; and refresh, which asks for a new proposal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.baseline import (
    Actor,
    Assurance,
    BaselineApproval,
    BaselineCell,
    BaselineEntry,
    BaselineState,
    BaselineVersion,
    ImportedBaseline,
    Method,
    Signature,
    baseline_of,
)
from driftwatch.domain.change import ApprovalDecision
from driftwatch.domain.resource import Cell
from driftwatch.errors import NotFoundError, RefusedError
from driftwatch.operations import approvals, baselines, cell_files
from driftwatch.operations.installation import Installation
from driftwatch.ports import Signer, UnitOfWork

NAMESPACE = "driftwatch-baseline"
"""The namespace of ``ssh-keygen -Y`` signatures over a baseline's content hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import came to. `known` is True when this content was there already; then nothing was written."""

    version: BaselineVersion
    known: bool
    active: bool
    signed_by: tuple[str, ...] = ()


def export(installation: Installation, name: str, folder: Path, version_id: str | None = None) -> BaselineVersion:
    """Writes a version (default: the active one) as files; the folder's former content is replaced in one step."""
    with installation.store.read() as uow:
        version = baselines.version_of(uow, version_id) if version_id else uow.baselines.active(name)
        if version is None:
            raise NotFoundError(f"{name} has no active version; export a proposal by its id")
        cells = uow.baselines.cells(version.id)
        shapes = {part.shape: uow.documents.shape(part.shape) for part in cells.values()}

        def lines(cell: Cell) -> Iterator[bytes]:
            return cell_files.lines(uow, uow.baselines.entries(version.id, cell))

        installation.baseline_files.write(folder, version, cells, lines, shapes)
    return version


def sign(installation: Installation, folder: Path, key: Path, principal: str) -> Path:
    """Signs the content hash of the exported baseline in `folder` as `principal`; answers with the signature file's path."""
    signer = _signer(installation)
    imported = installation.baseline_files.read(folder)
    text = signer.sign(message(imported.version.content_hash), key, NAMESPACE)
    return installation.baseline_files.add_signature(folder, Signature(principal=principal, text=text))


def message(content_hash: str) -> bytes:
    """What is signed: the content hash (hex) and a newline, so that ``ssh-keygen -Y verify`` works on a one-line file."""
    return f"{content_hash}\n".encode()


def import_baseline(installation: Installation, folder: Path, actor: Actor) -> Imported:
    """Registers the baseline in `folder` as a proposal. Valid signatures of allowed signers count as approvals for R13, and may
    thereby activate it; nothing else does."""
    imported = installation.baseline_files.read(folder)
    _refuse_foreign(installation, imported)
    signed = _signed(installation, folder, imported.version.content_hash)
    with installation.store.write() as uow:
        name = imported.version.name
        known = next((item for item in uow.baselines.versions(name) if item.content_hash == imported.version.content_hash), None)
        if known and known.state is not BaselineState.PROPOSED:
            return Imported(version=known, known=True, active=known.state is BaselineState.ACTIVE)
        version = known or _register(installation, uow, imported, actor)
        signed = [item for item in signed if item.who not in {approval.who for approval in version.approvals}]
        author = Identities(installation.policy.context).resolve(version.author)
        counted = [item for item in signed if Identities(installation.policy.context).resolve(item.who) != author]
        if not counted:
            return Imported(version=version, known=known is not None, active=False, signed_by=tuple(item.who for item in signed))
        settled = approvals.settle(installation, uow, version, counted)
    return Imported(version=settled.version, known=known is not None, active=settled.active, signed_by=tuple(item.who for item in counted))


def refresh(
    installation: Installation,
    name: str,
    actor: Actor,
    *,
    folder: Path | None = None,
    left_out: Sequence[baselines.LeftOut] = (),
) -> Imported:
    """Re-reads the baseline's files where they are its source (`folder`), else captures and proposes. Never activates by itself
    (valid signatures on the files are approvals, see `import_baseline`)."""
    if folder is not None:
        return import_baseline(installation, folder, actor)
    version = baselines.capture(installation, name, actor, left_out)
    return Imported(version=baselines.propose(installation, version.id, actor), known=False, active=False)


def _register(installation: Installation, uow: UnitOfWork, imported: ImportedBaseline, actor: Actor) -> BaselineVersion:
    name = imported.version.name
    active = uow.baselines.active(name)
    if imported.version.parent_hash != (active.content_hash if active else None):
        raise RefusedError(
            f"stale_parent: the files continue from {imported.version.parent_hash or 'nothing'}, "
            f"the active version of {name} is {active.content_hash if active else 'none'}: export again and redo the change on that"
        )
    former = uow.baselines.cells(active.id) if active else {}
    changed = _changed(imported.cells, former)
    version = replace(
        imported.version,
        id=installation.new_id("baseline"),
        state=BaselineState.PROPOSED,
        author=actor.person,
        created_at=installation.clock(),
        parent=active.id if active else None,
        bootstrap=active is None,
        cells=tuple(changed[cell] for cell in sorted(changed)),
        removed=tuple(sorted(former.keys() - imported.cells.keys())),
        approvals=(),
        included=baselines.included_drifts(uow, installation, name),
    )
    uow.baselines.add(version)
    for digest, fields in imported.shapes.items():
        uow.documents.put_shape(digest, fields)
    for cell, part in changed.items():
        uow.baselines.put_cell(version.id, part, _stored_entries(uow, imported, cell))
    baselines.record_act(uow, installation, "baseline_imported", version, actor)
    return version


def _changed(cells: Mapping[Cell, BaselineCell], former: Mapping[Cell, BaselineCell]) -> dict[Cell, BaselineCell]:
    return {
        cell: part
        for cell, part in cells.items()
        if (old := former.get(cell)) is None or (old.file_hash, old.shape) != (part.file_hash, part.shape)
    }


def _stored_entries(uow: UnitOfWork, imported: ImportedBaseline, cell: Cell) -> Iterator[BaselineEntry]:
    for item in imported.resources(cell):
        uow.documents.put([(item.fingerprint, item.document)])
        yield BaselineEntry(id=item.id, arn=item.arn, label=item.label, fingerprint=item.fingerprint)


def _refuse_foreign(installation: Installation, imported: ImportedBaseline) -> None:
    name = imported.version.name
    if name not in {pattern.name for pattern in installation.baselines}:
        raise RefusedError(f"the files are a baseline called {name!r}, which the config does not name")
    for cell in imported.cells:
        if baseline_of(cell, installation.baselines) != name:
            raise RefusedError(f"{cell} is in the files of {name}, but that baseline does not cover it")


def _signed(installation: Installation, folder: Path, content_hash: str) -> list[BaselineApproval]:
    """Signatures that hold: made over this content by an allowed signer, who is a known person."""
    found = []
    for signature in installation.baseline_files.signatures(folder):
        principal = _signer(installation).principal_of(message(content_hash), signature.text, NAMESPACE)
        person = installation.people.by_ssh_principal(principal) if principal else None
        if person:
            found.append(
                BaselineApproval(
                    who=person.id,
                    decision=ApprovalDecision.APPROVED,
                    at=installation.clock(),
                    content_hash=content_hash,
                    method=Method.SSH,
                    assurance=Assurance.SIGNED,
                )
            )
    return found


def _signer(installation: Installation) -> Signer:
    if installation.signer is None:
        raise RefusedError("no allowed signers are configured: name a file of them with `allowed_signers` in driftwatch.yaml")
    return installation.signer
