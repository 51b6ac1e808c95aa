"""Checkpoints with the real ssh-keygen and real files: only the ledger's own key signs, and a second place loses nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from driftwatch.documents.ledger_lines import checkpoint_line, checkpoint_of, read_checkpoints
from driftwatch.domain.ledger import GENESIS, Checkpoint, checkpoint_body
from driftwatch.errors import DriftwatchError, InputError
from driftwatch.ports import CheckpointPlace, CheckpointSigner
from driftwatch.signing.checkpoints import NAMESPACE, SshCheckpoints
from driftwatch.signing.places import FilePlace, LogPlace
from driftwatch.telemetry import logs

T0 = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def signer_at(path: Path, trusted: Path | None = None, *, makes: bool = True) -> CheckpointSigner:
    return SshCheckpoints(path, makes=makes, trusted=trusted)


def signed(signer: CheckpointSigner, number: int = 1, previous: str = GENESIS) -> Checkpoint:
    body = checkpoint_body(number, "a" * 64, T0, previous)
    key = signer.key(first=number == 1)
    return Checkpoint(number=number, seq=number, head="a" * 64, time=T0, previous=previous, body=body, signature=signer.sign(body), key=key)


def why_not(signer: CheckpointSigner, checkpoint: Checkpoint) -> str | None:
    with signer.checker() as check:
        return check(checkpoint)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger_ed25519"


# --- the key -----------------------------------------------------------------------------------------------------------------------------


def test_the_first_checkpoint_makes_a_key_for_its_owner_only_with_the_public_half_beside_it(key: Path) -> None:
    signer = signer_at(key)
    public = signer.key(first=True)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    beside = key.with_name("ledger_ed25519.pub").read_text()
    assert beside.startswith(public + " ")
    assert sorted(path.name for path in key.parent.iterdir()) == ["ledger_ed25519", "ledger_ed25519.pub"]
    assert signer.key(first=False) == signer_at(key).key(first=True) == public


def test_a_key_that_is_gone_is_never_silently_replaced(key: Path) -> None:
    with pytest.raises(InputError, match=r"ledger_ed25519:1:1: the ledger's signing key is missing.*ledger.trusted_keys"):
        signer_at(key).key(first=False)
    with pytest.raises(InputError, match="missing"):
        signer_at(key, makes=False).key(first=True)
    assert not key.exists()


def test_processes_that_start_together_end_up_with_one_key(key: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom driftwatch.signing.checkpoints import SshCheckpoints\n"
        "print(SshCheckpoints(Path(sys.argv[1]), makes=True).key(first=True))"
    )
    started = [subprocess.Popen([sys.executable, "-c", program, str(key)], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert len({(process.communicate(timeout=30)[0], process.returncode) for process in started}) == 1


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_a_key_of_another_kind_is_refused(key: Path, kind: str) -> None:
    make_key(key, kind)
    with pytest.raises(InputError, match="an Ed25519 key without passphrase"):
        signer_at(key).key(first=True)


def test_a_key_with_a_passphrase_or_open_to_others_is_refused_at_once(key: Path) -> None:
    make_key(key, phrase="secret")
    with pytest.raises(InputError, match=r"cannot be used.*without passphrase"):
        signer_at(key).key(first=True)
    key.unlink()
    make_key(key)
    key.chmod(0o640)
    with pytest.raises(InputError, match="mode 0640, so that others can read it"):
        signer_at(key).key(first=True)
    key.chmod(0o600)
    key.write_text("no key")
    with pytest.raises(InputError, match="cannot be used"):
        signer_at(key).key(first=True)
    with pytest.raises(InputError, match="could not sign"):
        signer_at(key).sign(b"body")


def test_without_ssh_keygen_it_is_said_plainly(key: Path) -> None:
    with pytest.raises(DriftwatchError, match=r"was not found: signatures need OpenSSH's ssh-keygen"):
        SshCheckpoints(key, makes=True, program="ssh-keygen-that-is-absent").key(first=True)
    assert not key.exists()


def make_key(path: Path, kind: str = "ed25519", phrase: str = "") -> None:
    path.parent.mkdir(exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", phrase, "-C", "", "-f", str(path)], check=True, stdin=subprocess.DEVNULL)


# --- signatures --------------------------------------------------------------------------------------------------------------------------


def test_a_signature_holds_for_its_own_checkpoint_only(key: Path) -> None:
    signer = signer_at(key)
    good, other = signed(signer), signed(signer, 2)
    assert why_not(signer, good) is None
    assert why_not(signer, replace(good, signature=other.signature)) == "the signature is not of this checkpoint by this key"
    for changed in (
        replace(good, body=good.body + b" "),
        replace(good, body=b""),
        replace(good, signature=""),
        replace(good, signature="\ud800"),
        replace(good, signature=good.signature.replace("A", "B", 1)),
        replace(good, key="ssh-ed25519"),
        replace(good, key=good.key + "\n* " + good.key),
        replace(good, key=f'{good.key}"'),
    ):
        assert why_not(signer, changed), changed


def test_a_signature_by_this_key_for_another_purpose_does_not_hold(key: Path, tmp_path: Path) -> None:
    signer = signer_at(key)
    good = signed(signer)
    done = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-f", key, "-n", "driftwatch-baseline"], input=good.body, capture_output=True, check=True
    )
    assert why_not(signer, replace(good, signature=done.stdout.decode()))
    assert NAMESPACE == "driftwatch-ledger"


def test_another_key_counts_only_where_it_is_trusted(key: Path, tmp_path: Path) -> None:
    former = signer_at(tmp_path / "former")
    old = signed(former)
    trusted = tmp_path / "trusted"
    trusted.write_text(f"# before the move\n\n{old.key} a comment\n")
    assert str(why_not(signer_at(key), old)).startswith(f"it is signed with {old.key}, which is neither")
    signer = signer_at(key, trusted)
    assert why_not(signer, old) is None
    assert why_not(signer, signed(signer)) is None
    new = signed(signer)
    assert why_not(signer, replace(old, key=new.key)), "one trusted key does not stand for another"
    trusted.write_text("no key\n")
    with pytest.raises(InputError, match="trusted:1:1: no public key"):
        why_not(signer, old)
    trusted.unlink()
    with pytest.raises(InputError, match="trusted:1:1: no such file"):
        why_not(signer, old)


def test_a_copy_is_checked_with_the_public_half_alone(key: Path) -> None:
    good = signed(signer_at(key))
    key.unlink()
    assert why_not(signer_at(key), good) is None
    key.with_name("ledger_ed25519.pub").unlink()
    assert why_not(signer_at(key), good)


# --- the file ----------------------------------------------------------------------------------------------------------------------------


def plain(number: int, previous: str = GENESIS) -> Checkpoint:
    body = checkpoint_body(number, "a" * 64, T0, previous)
    return Checkpoint(number=number, seq=number, head="a" * 64, time=T0, previous=previous, body=body, signature="s" * 400, key="k" * 80)


def place_at(path: Path) -> CheckpointPlace:
    return FilePlace("file", path)


def test_a_file_keeps_what_it_was_given_and_knows_it_in_the_next_process(tmp_path: Path) -> None:
    file = tmp_path / "new" / "checkpoints.jsonl"
    assert place_at(file).last() is None
    items = [plain(number) for number in range(1, 300)]
    place_at(file).append(items[:1])
    assert place_at(file).last() == items[0]
    place_at(file).append(items[1:])
    assert place_at(file).last() == items[-1]
    assert list(read_checkpoints(file)) == items


def test_an_empty_file_holds_nothing_yet(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.jsonl"
    file.touch()
    assert place_at(file).last() is None


@pytest.mark.parametrize("broken", [1, 100])
def test_a_line_that_broke_off_does_not_count_and_comes_again(broken: int, tmp_path: Path) -> None:
    """The process was killed, or the disk full, in the middle of a line."""
    file = tmp_path / "checkpoints.jsonl"
    file.write_bytes(checkpoint_line(plain(1)) + checkpoint_line(plain(2))[:broken])
    place = place_at(file)
    assert place.last() == plain(1)
    place.append([plain(2)])
    assert list(read_checkpoints(file)) == [plain(1), plain(2)]
    file.write_bytes(checkpoint_line(plain(1))[:broken])
    assert place.last() is None
    place.append([plain(1)])
    assert list(read_checkpoints(file)) == [plain(1)]


def test_a_line_that_lacks_nothing_but_its_end_counts(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.jsonl"
    file.write_bytes(checkpoint_line(plain(1))[:-1])
    place = place_at(file)
    assert place.last() == plain(1)
    place.append([plain(1), plain(2)])
    assert list(read_checkpoints(file)) == [plain(1), plain(2)]


@pytest.mark.parametrize("text", [b"my shopping list\n", b"{}\n", checkpoint_line(plain(1)) + b'{"signed": 1}\n'])
def test_a_file_of_something_else_is_never_written_to(text: bytes, tmp_path: Path) -> None:
    file = tmp_path / "list"
    file.write_bytes(text)
    with pytest.raises(DriftwatchError, match="something else than a checkpoint"):
        place_at(file).last()


def test_what_cannot_be_written_or_read_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "below", tmp_path):
        with pytest.raises(DriftwatchError, match="cannot be written at"):
            place_at(path).append([plain(1)])
    with pytest.raises(DriftwatchError, match="cannot be read at"):
        place_at(tmp_path).last()


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """In a process whose files may grow by some bytes only."""
    file = tmp_path / "checkpoints.jsonl"
    place_at(file).append([plain(1)])
    program = """
import resource, signal, sys
from pathlib import Path
from driftwatch.errors import DriftwatchError
from tests.integration.test_ledger_checkpoints import plain, place_at
file = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 100, resource.RLIM_INFINITY))
try:
    place_at(file).append([plain(2)])
except DriftwatchError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True, timeout=30)
    assert "cannot be written at" in done.stdout
    assert file.read_bytes() == checkpoint_line(plain(1))


def test_writers_that_append_at_once_write_each_checkpoint_once(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.jsonl"
    place_at(file).append([plain(1)])
    items = [plain(number) for number in range(1, 20)]
    threads = [threading.Thread(target=lambda n=n: place_at(file).append(items[:n])) for n in range(2, 20)]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(read_checkpoints(file)) == items


# --- the log -----------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def quiet() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_the_log_gets_a_line_that_can_be_verified_against() -> None:
    place: CheckpointPlace = LogPlace()
    assert not place.remembers
    assert place.last() is None
    with capture_logs() as told:
        place.append([plain(1), plain(2)])
    assert [checkpoint_of(line) for line in told] == [plain(1), plain(2)]
    assert place.last() == plain(2)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_a_log_of_any_level_gets_it(level: str, tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("w") as stream:
        logs.configure(level, stream=stream)
        LogPlace(level=level).append([plain(1)])
    assert list(read_checkpoints(file)) == [plain(1)]


@pytest.mark.usefixtures("quiet")
def test_a_log_that_cannot_be_written_is_told_and_the_checkpoint_comes_again() -> None:
    with open("/dev/full", "w", buffering=1) as stream:  # noqa: PTH123
        logs.configure("info", stream=stream)
        place = LogPlace()
        with pytest.raises(DriftwatchError, match="cannot be logged"):
            place.append([plain(1)])
        assert place.last() is None
        with pytest.raises(OSError, match="No space left"):
            stream.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
