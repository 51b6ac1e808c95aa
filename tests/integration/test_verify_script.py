"""docs/verify_ledger.py: a third party verifies an export with hashlib and ssh-keygen alone, and finds whatever was done to it."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from driftwatch.documents.ledger_lines import checkpoint_line
from driftwatch.operations import ledger, ledger_proof
from driftwatch.signing.checkpoints import SshCheckpoints
from driftwatch.signing.places import FilePlace
from tests.contract.store.samples import ODD
from tests.world import World

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_ledger.py"


@dataclass(frozen=True)
class House:
    """A ledger of nine entries with a checkpoint behind each third one and one of the empty ledger, and what was exported of it."""

    world: World
    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "ledger_ed25519.pub"

    @property
    def kept(self) -> Path:
        return self.folder / "checkpoints.jsonl"

    def export(self, **options: Any) -> list[dict[str, Any]]:
        lines: list[bytes] = []
        ledger_proof.export(self.world.installation, lines.append, **options)
        return [json.loads(line) for line in lines]


def house_in(folder: Path, entries: int = 9) -> House:
    world = World()
    place = FilePlace("file", folder / "checkpoints.jsonl")
    world.change(checkpoint_signer=SshCheckpoints(folder / "ledger_ed25519", makes=True), checkpoint_places=[place])
    ledger.checkpoint(world.installation)
    for number in range(1, entries + 1):
        with world.store.write() as uow:
            uow.ledger.append(world.now, "test" if number % 2 else ODD, {"n": number, "odd": ODD, "large": 2**70})
        if number % 3 == 0:
            ledger.checkpoint(world.installation)
    ledger.deliver(world.installation, place)
    return House(world, folder)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return house_in(tmp_path_factory.mktemp("house"))


def verify(path: Path, lines: list[dict[str, Any]], *options: str | Path) -> tuple[int, str]:
    file = path / "export.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return verify_file(file, *options)


def verify_file(file: Path, *options: str | Path) -> tuple[int, str]:
    """In a Python without driftwatch."""
    command = [sys.executable, "-I", "-S", SCRIPT, file, *options]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=30)
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


def test_the_script_stands_on_the_standard_library_alone() -> None:
    tree = ast.parse(SCRIPT.read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"argparse", "hashlib", "json", "subprocess", "sys", "tempfile", "pathlib"}


def test_a_real_export_verifies_as_a_whole_and_in_parts(house: House, tmp_path: Path) -> None:
    code, said = verify(tmp_path, house.export(), "--key", house.key, "--against", house.kept)
    assert (code, said) == (0, "VERIFIED: entries 1 to 9 hold, confirmed up to entry 9 by signed checkpoints (4 in the export)")
    code, said = verify(tmp_path, house.export(after=4, until=5), "--key", house.key, "--against", house.kept, "--part")
    assert (code, said) == (0, "VERIFIED: entries 4 to 6 hold, confirmed up to entry 6 by signed checkpoints (2 in the export)")
    code, said = verify(tmp_path, house.export())
    assert code == 0
    assert f"NO KEY WAS GIVEN, they are signed with {' '.join(house.key.read_text().split()[:2])}" in said


def test_a_part_is_taken_for_a_ledger_that_was_cut_off_unless_one_says_that_it_is_meant(house: House, tmp_path: Path) -> None:
    code, said = verify(tmp_path, house.export(until=5), "--key", house.key, "--against", house.kept)
    assert (code, said) == (1, "NOT VERIFIED: the export ends at entry 6, but a checkpoint kept elsewhere signs 9 entries")


def test_a_checkpoint_in_the_export_is_held_against_its_entry(house: House, tmp_path: Path) -> None:
    lines = house.export()
    rehash(9)(lines)
    code, said = verify(tmp_path, lines, "--key", house.key)
    assert code == 1
    assert "another head than that of entry 9" in said


def test_what_came_behind_the_last_checkpoint_is_said_to_be_unconfirmed(tmp_path: Path) -> None:
    made = house_in(tmp_path, 11)
    code, said = verify(tmp_path, made.export(), "--key", made.key)
    assert (code, said) == (0, "VERIFIED: entries 1 to 11 hold, confirmed up to entry 9 by signed checkpoints (4 in the export)")


Lines = list[dict[str, Any]]


def entry_at(lines: Lines, seq: int) -> int:
    return next(at for at, line in enumerate(lines) if line.get("seq") == seq)


def change(seq: int, **fields: Any) -> Callable[[Lines], None]:
    return lambda lines: lines[entry_at(lines, seq)].update(fields)


def rehash(seq: int) -> Callable[[Lines], None]:
    def act(lines: Lines) -> None:
        line = lines[entry_at(lines, seq)]
        line["body"] = {"n": "changed"}
        line["hashed"] = json.dumps({name: line[name] for name in ("body", "seq", "ts", "type")}, separators=(",", ":"))
        line["hash"] = hashlib.sha256(f"{line['prev_hash']}\n{line['hashed']}".encode()).hexdigest()

    return act


def swap(lines: Lines) -> None:
    one, two = entry_at(lines, 4), entry_at(lines, 5)
    lines[one], lines[two] = lines[two], lines[one]


def drop(seq: int) -> Callable[[Lines], None]:
    return lambda lines: lines.pop(entry_at(lines, seq)) and None


def double(lines: Lines) -> None:
    lines.insert(entry_at(lines, 5), dict(lines[entry_at(lines, 4)]))


def cut(lines: Lines) -> None:
    del lines[entry_at(lines, 8) :]


def checkpoint_at(lines: Lines, number: int) -> dict[str, Any]:
    return next(line for line in lines if line.get("number") == number)


def forge(number: int, **fields: Any) -> Callable[[Lines], None]:
    return lambda lines: checkpoint_at(lines, number).update(fields)


def sign_other(lines: Lines) -> None:
    line = checkpoint_at(lines, 2)
    line["signed"] = line["signed"].replace('"seq":3', '"seq":2')


def unsign(number: int) -> Callable[[Lines], None]:
    return lambda lines: lines.remove(checkpoint_at(lines, number))


TAMPERED: dict[str, tuple[Callable[[Lines], None], str]] = {
    "an edited body": (change(5, body={"n": 6}), "entry 5: what stands beside"),
    "an edited type": (change(5, type="other"), "entry 5: what stands beside"),
    "an edited time": (change(5, ts="2026-03-10T09:00:01Z"), "entry 5: what stands beside"),
    "an edited hashed text": (change(5, hashed='{"body":{},"seq":5,"ts":"2026","type":"test"}'), "entry 5 was changed"),
    "an edited hash": (change(5, hash="0" * 64), "entry 5 was changed"),
    "an edited link": (change(5, prev_hash="0" * 64), "entry 5 was changed"),
    "a body with a hash that fits": (rehash(5), "entry 6 does not continue"),
    "the last body with a hash that fits": (rehash(9), "entry 9 has another hash than a checkpoint kept elsewhere says"),
    "two entries in another order": (swap, "entry 4 is missing"),
    "a missing entry": (drop(5), "entry 5 is missing"),
    "the first entry missing": (drop(1), "entry 1 is missing"),
    "an entry twice": (double, "entry 5 is missing"),
    "a cut tail": (cut, "ends at entry 7, but a checkpoint kept elsewhere signs 9"),
    "a checkpoint that was edited": (sign_other, "the signature of the checkpoint"),
    "a bad signature": (forge(2, signature="odd"), "the signature of the checkpoint"),
    "another key": (forge(2, key="ssh-ed25519 AAAA"), "signed with another key"),
    "a missing checkpoint": (unsign(2), "does not continue the one before it"),
    "the first checkpoint missing": (unsign(1), "the first checkpoints are missing"),
    "a line of something else": (lambda lines: lines.insert(3, {"odd": 1}), "neither an entry nor a checkpoint"),
    "a line that is damaged": (lambda lines: lines[2].pop("hash"), "damaged lines"),
    "nothing at all": (lambda lines: lines.clear(), "nothing is in the export"),
}


@pytest.mark.parametrize(("act", "said"), TAMPERED.values(), ids=TAMPERED.keys())
def test_a_tampered_export_is_not_verified_and_what_is_wrong_is_named(
    house: House, act: Callable[[Lines], None], said: str, tmp_path: Path
) -> None:
    lines = house.export()
    act(lines)
    code, told = verify(tmp_path, lines, "--key", house.key, "--against", house.kept)
    assert code == 1
    assert told.startswith("NOT VERIFIED: ")
    assert said in told


def test_a_ledger_that_was_written_anew_and_signed_shows_by_the_key_or_by_checkpoints_kept_elsewhere(house: House, tmp_path: Path) -> None:
    anew = house_in(tmp_path)
    anew.world.now = anew.world.now.replace(hour=10)
    assert verify(tmp_path, anew.export(), "--key", anew.key)[0] == 0
    assert "signed with another key" in verify(tmp_path, anew.export(), "--key", house.key)[1]
    (tmp_path / "keys").write_text(house.key.read_text() + anew.key.read_text())
    same = World()  # the same key in other hands
    same.change(checkpoint_signer=SshCheckpoints(house.folder / "ledger_ed25519", makes=False))
    with same.store.write() as uow:
        for number in range(9):
            uow.ledger.append(same.now, "anew", number)
    ledger.checkpoint(same.installation)
    code, said = verify(tmp_path, House(same, house.folder).export(), "--key", tmp_path / "keys", "--against", house.kept)
    assert code == 1
    assert "entry 3 has another hash than a checkpoint kept elsewhere says" in said


def test_damaged_or_missing_files_are_told(house: House, tmp_path: Path) -> None:
    file = tmp_path / "export.jsonl"
    assert verify_file(file)[0] == 1
    whole = "".join(json.dumps(line) + "\n" for line in house.export())
    file.write_text(whole[:-20])
    assert "no whole JSON object" in verify_file(file)[1], "an export that broke off is not taken for a shorter one"
    file.write_text(whole)
    assert verify_file(file, "--key", tmp_path / "absent")[0] == 1
    (tmp_path / "empty").touch()
    assert "no checkpoint in it" in verify_file(file, "--against", tmp_path / "empty")[1]
    assert "signed with another key" in verify_file(file, "--key", tmp_path / "empty")[1]


def test_the_kept_file_may_have_lines_that_broke_off_but_no_forged_ones(house: House, tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    lines = house.kept.read_bytes().splitlines(keepends=True)
    options = ("--key", house.key, "--against", kept)
    kept.write_bytes(lines[0] + lines[1][:99] + b"\n" + b"".join(lines[1:]) + lines[0][:50])
    assert verify(tmp_path, house.export(), *options)[0] == 0
    with house.world.store.read() as uow:
        first, *_ = uow.ledger.checkpoints()
    for forged in (b"garbage\n", checkpoint_line(first)):
        kept.write_bytes(b"".join(lines[:2]) + forged + b"".join(lines[2:]))
        assert verify(tmp_path, house.export(), *options)[0] == 1
