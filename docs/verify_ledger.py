#!/usr/bin/env python3
"""Verifies an export of driftwatch's ledger without driftwatch: Python's hashlib and OpenSSH's ssh-keygen are all it needs.

    python3 verify_ledger.py ledger.jsonl --key ledger_ed25519.pub [--against checkpoints.jsonl [--part]]

EXPORT is what `driftwatch ledger export` wrote. --key names a file with the public keys that you trust, one a line; get it from the people
who run driftwatch, not with the export. --against names checkpoints that were kept where nobody of them could change them. Ends with 0 when
everything holds, else with 1 and the first thing that does not. docs/ledger.md describes the format.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

GENESIS = "0" * 64
NAMESPACE = "driftwatch-ledger"


class BadError(Exception):
    """What does not hold."""


def lines(path, *, growing=False):
    """(number, object) of each line. In a `growing` file, one that broke off counts as nothing if it stands whole in the next one."""
    torn = b""
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                found = json.loads(line)
            except ValueError:
                found = None
            if not line.startswith(torn) or (found is None and not growing) or not isinstance(found, (dict, type(None))):
                raise BadError(f"{path}:{number}: no whole JSON object, or the one before it is none")
            torn = line.rstrip(b"\n") if found is None else b""
            if found is not None:
                yield number, found
    if torn and line.endswith(b"\n"):
        raise BadError(f"{path}:{number}: no JSON")


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def checked_entry(entry, seq, head):
    """The hash of entry number `seq` behind the one with the hash `head`."""
    if entry["seq"] != seq:
        raise BadError(f"entry {seq} is missing: in its place stands number {entry['seq']}")
    if sha256(entry["prev_hash"] + "\n" + entry["hashed"]) != entry["hash"]:
        raise BadError(f"entry {seq} was changed: it does not have its hash")
    if entry["prev_hash"] != head:
        raise BadError(f"entry {seq} does not continue the one before it")
    if json.loads(entry["hashed"]) != {name: entry[name] for name in ("seq", "ts", "type", "body")}:
        raise BadError(f"entry {seq}: what stands beside the hashed text is not what it says")
    return entry["hash"]


class Checkpoints:
    """Checks checkpoints in their order: each names the hash of the one before it, and is signed by a trusted key."""

    def __init__(self, keys):
        self.keys, self.count, self.former, self.seq, self.seen = keys, 0, None, -1, set()

    def take(self, line):
        """What was signed: {seq, head, time, previous}."""
        said = json.loads(line["signed"])
        name = f"the checkpoint of {said['time']}"
        if self.former is not None and said["previous"] != self.former:
            raise BadError(f"{name} does not continue the one before it")
        if said["seq"] < self.seq:
            raise BadError(f"{name} signs fewer entries than the one before it")
        key = " ".join(line["key"].split()[:2])
        if self.keys is not None and key not in self.keys:
            raise BadError(f"{name} is signed with another key: {key}")
        if not signed_by(key, line["signed"], line["signature"]):
            raise BadError(f"the signature of {name} does not hold")
        self.seen.add(key)
        self.former, self.seq, self.count = sha256(line["signed"]), said["seq"], self.count + 1
        return said


def signed_by(key, text, signature):
    """Whether ssh-keygen says so."""
    if not key.startswith("ssh-ed25519 ") or not key.isprintable():
        return False
    with tempfile.TemporaryDirectory() as folder:
        signers, armoured = Path(folder, "signers"), Path(folder, "signature")
        signers.write_text(f'ledger namespaces="{NAMESPACE}" {key}\n')
        armoured.write_text(signature)
        command = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", "ledger", "-n", NAMESPACE, "-s", armoured]
        return subprocess.run(command, input=text.encode(), capture_output=True, check=False).returncode == 0  # noqa: S603


def marks_of(path, keys):
    """The checkpoints in a file, checked: {seq: [head]}."""
    chain, marks, former = Checkpoints(keys), {}, None
    for _, line in lines(path, growing=True):
        if "signed" in line and line != former:  # two processes may have written the same one
            former = line
            said = chain.take(line)
            marks.setdefault(said["seq"], []).append(said["head"])
    if not marks:
        raise BadError(f"{path}: no checkpoint in it")
    return marks


def verify(path, keys, marks, *, part=False):
    """Checks an export against its own checkpoints and `marks`; answers with a sentence on what was proved."""
    chain, first, seq, head, confirmed = Checkpoints(keys), None, None, None, None
    for _, line in lines(path):
        if "signed" in line:
            said = chain.take(line)
            if seq is None:  # a part of the ledger begins behind a checkpoint
                first, seq, head = said["seq"] + 1, said["seq"], said["head"]
            if said["seq"] != seq or said["head"] != head:
                raise BadError(f"the checkpoint of {said['time']} signs {said['seq']} entries and another head than that of entry {seq}")
            if first == 1 and chain.count == 1 and said["previous"] != GENESIS:
                raise BadError("the first checkpoints are missing")
            confirmed = seq
        elif "hashed" in line:
            if seq is None:
                first, seq, head = 1, 0, GENESIS
            head, seq = checked_entry(line, seq + 1, head), seq + 1
        else:
            raise BadError(f"a line that is neither an entry nor a checkpoint: {sorted(line)}")
        if any(wanted != head for wanted in marks.get(seq, ())):
            raise BadError(f"entry {seq} has another hash than a checkpoint kept elsewhere says: it, or one before it, was written anew")
    if seq is None:
        raise BadError("nothing is in the export")
    if not part and (cut := [number for number in marks if number > seq]):
        raise BadError(f"the export ends at entry {seq}, but a checkpoint kept elsewhere signs {max(cut)} entries")
    elsewhere = [number for number in marks if first - 1 <= number <= seq]
    confirmed = max([confirmed, *elsewhere] if confirmed is not None else elsewhere, default=None)
    what = f"entries {first} to {seq} hold" if seq >= first else "no entries"
    trust = "" if keys is not None else f"; NO KEY WAS GIVEN, they are signed with {', '.join(sorted(chain.seen)) or 'none'}"
    return f"{what}, confirmed up to entry {confirmed or 0} by signed checkpoints ({chain.count} in the export{trust})"


def keys_of(path):
    """The public keys in a file, without their comments."""
    return {" ".join(line.split()[:2]) for line in Path(path).read_text().splitlines() if line.strip() and not line.startswith("#")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", metavar="EXPORT")
    parser.add_argument("--key", metavar="FILE", help="trusted public keys")
    parser.add_argument("--against", metavar="FILE", help="checkpoints that were kept elsewhere")
    parser.add_argument("--part", action="store_true", help="EXPORT is meant to be a part: it may end before the last of these checkpoints")
    chosen = parser.parse_args()
    try:
        keys = keys_of(chosen.key) if chosen.key else None
        marks = marks_of(chosen.against, keys) if chosen.against else {}
        said = verify(chosen.export, keys, marks, part=chosen.part)
    except (BadError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        sys.stdout.write(f"NOT VERIFIED: {error if isinstance(error, (BadError, OSError)) else f'damaged lines ({error!r})'}\n")
        return 1
    sys.stdout.write(f"VERIFIED: {said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
