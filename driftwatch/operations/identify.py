"""Who is asking: an OS user of a local store, or somebody who signs the act with an SSH key (settled: people)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from driftwatch.documents.people import Person
from driftwatch.domain.baseline import Actor, Assurance, Method
from driftwatch.errors import RefusedError
from driftwatch.operations.installation import Installation

NAMESPACE = "driftwatch-act"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What is about to be done, for a signature to be bound to: action, object, and the content hash where there is one."""

    action: str
    object: str
    content_hash: str = ""


def by_os_user(installation: Installation, os_user: str, claimed: str | None = None) -> Actor:
    """The person who owns the OS user. `claimed` (``--as``) has to be that person.

    Raises RefusedError for an OS user that nobody owns, for another claim, and on a store that is not local: there an OS user says
    nothing about who reaches the database.
    """
    if not installation.store.local:
        raise RefusedError("an OS user identifies nobody on a shared store; sign the act with `--as PERSON --key FILE`")
    person = installation.people.by_os_user(os_user)
    if person is None:
        raise RefusedError(
            f"nobody in people.yaml owns the OS user {os_user!r}; add it to the os_users of a person, or sign with `--as PERSON --key FILE`"
        )
    if claimed and person.id != claimed:
        raise RefusedError(
            f"the OS user {os_user!r} is {person.id}, not {claimed}; `--as {claimed}` needs that person's signature (`--key`)"
        )
    return Actor(person=person.id, method=Method.OS_USER, assurance=Assurance.LOCAL)


def by_signature(installation: Installation, claimed: str, key: Path, act: Act) -> Actor:
    """The person whose key signs this very act now; a fresh nonce keeps the signature from being used for anything else."""
    if installation.signer is None:
        raise RefusedError("no allowed signers are configured: name a file of them with `allowed_signers` in driftwatch.yaml")
    nonce = installation.new_id("nonce")
    message = f"{act.action}\n{act.object}\n{act.content_hash}\n{nonce}\n".encode()
    principal = installation.signer.principal_of(message, installation.signer.sign(message, key, NAMESPACE), NAMESPACE)
    person: Person | None = installation.people.by_ssh_principal(principal) if principal else None
    if person is None or person.id != claimed:
        raise RefusedError(
            f"the key {key.name} is not one of {claimed}'s: allowed signers and people.yaml say it is {principal or 'nobody'}'s"
        )
    return Actor(person=person.id, method=Method.SSH, assurance=Assurance.SIGNED)
