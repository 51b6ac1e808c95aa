"""`driftwatch ledger`: head, verify, export, checkpoint."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from driftwatch.cli.context import ConfigOption, JsonOption, wired
from driftwatch.cli.output import ErrorsAsSentences, count_progress, emit_json, say, table
from driftwatch.documents.ledger_lines import read_checkpoints
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.ledger import Checkpoint
from driftwatch.errors import DriftwatchError, InputError, Place
from driftwatch.operations import ledger, ledger_proof, ledger_views
from driftwatch.operations.installation import Installation
from driftwatch.operations.ledger_proof import Exported, Verification
from driftwatch.telemetry import logs

app = typer.Typer(
    cls=ErrorsAsSentences, no_args_is_help=True, help="The append-only record of everything decided or done, and its signed checkpoints."
)

Against = Annotated[
    Path | None,
    typer.Option("--against", metavar="FILE", help="Checkpoints kept elsewhere: what `ledger.export` or `ledger export` wrote."),
]
After = Annotated[int, typer.Option("--after", min=0, metavar="SEQ", help="Only entries behind this number.")]
From = Annotated[int, typer.Option("--from", min=1, metavar="SEQ", help="Only entries from this number on.")]
Until = Annotated[int | None, typer.Option("--until", min=1, metavar="SEQ", help="Only entries up to this number.")]
To = Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Write them to this new file (default: standard output).")]


@app.command()
def head(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show the last entry and the last checkpoint: write the hash down, and no earlier entry can be changed without it showing."""
    with wired(config) as made:
        if json:
            emit_json(ledger_views.head_document(made.installation))
            return
        standing = ledger.standing(made.installation)
    entry, checkpoint = standing.head, standing.checkpoint
    say(f"entry {entry.seq}, {entry.type}, {utc_text(entry.ts)}" if entry else "no entry yet", *([f"hash {entry.hash}"] if entry else []))
    none = "no checkpoint yet: `driftwatch ledger checkpoint` makes one, `driftwatch serve` does on schedule"
    say(_told(checkpoint) if checkpoint else none)


@app.command()
def verify(against: Against = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Check every entry and every checkpoint, and name the first bad entry. Exit code 1 when something is wrong.

    It finds entries that were changed, inserted, removed or moved. An end that was cut off, or a ledger that was written anew as a whole,
    shows against checkpoints: those in the store, and with --against those that were exported to where nobody could change them.
    """
    if against is not None and not against.is_file():
        raise InputError("no such file", expected="a file of exported checkpoints", place=Place(str(against)))
    exported = (lambda: read_checkpoints(against)) if against else None
    with wired(config) as made, count_progress(shown=not json) as progress:
        found = ledger_proof.verify(made.installation, exported, progress=progress)
    if json:
        emit_json(_verified(found))
    else:
        _show(found)
    if found.faults:
        raise typer.Exit(1)


@app.command()
def export(
    to: To = None, from_: From = 1, after: After = 0, until: Until = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Write entries and checkpoints as JSON lines, which docs/verify_ledger.py verifies without driftwatch.

    A part is widened to the checkpoints around it, so that it can be proved without the rest. Exit code 1 when an entry that was written
    does not verify; it is exported as it is.
    """
    begin = max(after, from_ - 1)
    if until is not None and until <= begin:
        raise InputError(f"no entry lies behind {begin} and up to {until}", expected="--until with a later number")
    if to is not None and to.exists():
        raise InputError("the file exists already, and may be evidence", expected="the name of a new file", place=Place(str(to)))
    with wired(config) as made, count_progress(shown=not json and to is not None) as progress:

        def work(write: Callable[[bytes], object]) -> Exported:
            return ledger_proof.export(made.installation, write, after=begin, until=until, progress=progress)

        done = work(sys.stdout.buffer.write) if to is None else _into(to, work)
    sys.stdout.flush()
    if to is not None:
        document = {"file": str(to), "first": done.first, "last": done.last, "checkpoints": done.checkpoints, "fault": _fault(done)}
        emit_json(document) if json else say(f"entries {done.first} to {done.last}, {done.checkpoints} checkpoints -> {to}")
    if done.fault:
        raise DriftwatchError(f"the exported ledger does not verify: {done.fault.why}")


@app.command()
def checkpoint(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Sign how the ledger stands now, and send that to the second places of `ledger.export`. The daemon does it on schedule."""
    with wired(config) as made:
        logs.configure(made.config.log.level, json=made.config.log.format == "json")
        signed = ledger.checkpoint(made.installation)
        sent, troubles = _deliver(made.installation)
    if json:
        emit_json(ledger_views.checkpoint_document(signed))
    else:
        say(_told(signed), f"head {signed.head}", *(f"sent to {name}" for name in sent))
    if troubles:
        raise DriftwatchError("\n".join(troubles))


def _deliver(installation: Installation) -> tuple[list[str], list[str]]:
    """The places that have it, and what is wrong with the others: every place gets its turn."""
    sent, troubles = [], []
    for place in installation.checkpoint_places:
        try:
            ledger.deliver(installation, place)
            sent.append(place.name)
        except DriftwatchError as error:
            troubles.append(str(error))
    return sent, troubles


def _into(to: Path, work: Callable[[Callable[[bytes], object]], Exported]) -> Exported:
    """The file appears as a whole, or not at all."""
    with tempfile.NamedTemporaryFile("wb", dir=to.parent, prefix=f".{to.name}.", delete=False) as file:
        draft = Path(file.name)
        try:
            done = work(file.write)
            file.flush()
            os.fsync(file.fileno())
            os.link(draft, to)
        finally:
            draft.unlink()
    return done


def _show(found: Verification) -> None:
    if found.faults:
        table(("entry", "what", "why"), [(fault.seq, fault.kind.value, fault.why) for fault in found.faults])
    against = f", {found.exported} exported ones" if found.exported is not None else ""
    say(
        f"{'VERIFIED' if not found.faults else 'NOT VERIFIED'}: {found.entries} entries hold, {found.confirmed} of them confirmed by "
        f"checkpoints ({found.checkpoints} in the store{against})",
        f"head {found.head}",
    )
    if found.exported is None and not found.faults:
        say("checkpoints in the store prove little against whoever can write there and has the key: add --against FILE")


def _verified(found: Verification) -> dict[str, Any]:
    faults = [{"kind": fault.kind.value, "seq": fault.seq, "why": fault.why} for fault in found.faults]
    return {
        "ok": not faults,
        "entries": found.entries,
        "head": found.head,
        "confirmed": found.confirmed,
        "checkpoints": found.checkpoints,
        "exported": found.exported,
        "faults": faults,
    }


def _fault(done: Exported) -> dict[str, Any] | None:
    return {"kind": done.fault.kind.value, "seq": done.fault.seq, "why": done.fault.why} if done.fault else None


def _told(item: Checkpoint) -> str:
    return f"checkpoint {item.number} of {utc_text(item.time)} signs {item.seq} entries with {item.key}"
