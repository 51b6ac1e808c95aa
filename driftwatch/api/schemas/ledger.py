"""The ledger, as the API gives it."""

from __future__ import annotations

from pydantic import Field

from driftwatch.api.schemas.base import Anything, Given, Moment


class HeadOf(Given):
    seq: int
    ts: Moment
    type: str
    hash: str


class CheckpointOf(Given):
    """A signed statement of how the ledger stood."""

    number: int
    seq: int = Field(description="The last entry that it covers.")
    head: str = Field(description="The hash of that entry.")
    time: Moment
    previous: str = Field(description="SHA-256 of what the checkpoint before it signed.")
    signature: str = Field(description="As `ssh-keygen -Y` makes it.")
    key: str


class Head(Given):
    head: HeadOf | None = Field(description="The last entry; null: there is none.")
    checkpoint: CheckpointOf | None


class EntryOf(Given):
    """One entry; hash = SHA-256 of prev_hash, a line end and `hashed`."""

    seq: int
    ts: Moment
    type: str
    body: Anything
    hashed: str = Field(description="The exact text that the hash covers.")
    prev_hash: str
    hash: str


class Entries(Given):
    entries: list[EntryOf]
    next: int | None = Field(description="`after` of the next page; null: this is the last one.")


class Checkpoints(Given):
    checkpoints: list[CheckpointOf]
    next: int | None = Field(description="`after` of the next page; null: this is the last one.")
