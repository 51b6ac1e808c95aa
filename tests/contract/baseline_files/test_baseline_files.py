"""Baselines as files: what is written comes back as it was, and nothing that was touched does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from driftwatch.baseline_files.files import FileBaselines
from driftwatch.domain.baseline import (
    BaselineCell,
    BaselineState,
    BaselineVersion,
    Disposition,
    IncludedDrift,
    Omission,
    Signature,
    content_hash,
)
from driftwatch.domain.canonical import canonical_json, encode, sha256_hex
from driftwatch.domain.normalize import fingerprint
from driftwatch.domain.resource import Cell, Json, Scope
from driftwatch.domain.snapshot import cell_digest
from driftwatch.errors import InputError, StoreError

FIELDS = {"normaliser": 1, "rules": {"drop": ["State"], "tags": None}, "key_id": "0123456789abcdef"}
SHAPE = sha256_hex(canonical_json([FIELDS["normaliser"], FIELDS["rules"], FIELDS["key_id"]]))
GROUPS = Cell(scope=Scope(account="111111111111", region="eu-west-1"), type="AWS::EC2::SecurityGroup")
ROLES = Cell(scope=Scope(account="111111111111", region="global"), type="AWS::IAM::Role")
EMPTY = Cell(scope=Scope(account="222222222222", region="eu-west-1"), type="AWS::S3::Bucket")
GROUP_FILE = "111111111111/eu-west-1/AWS-EC2-SecurityGroup.json"
ROLE_FILE = "111111111111/global/AWS-IAM-Role.json"


def line(id_: str, **config: Json) -> bytes:
    tags = {"owner": "netops \u2028 é"}
    made = {"id": id_, "arn": f"arn:x:{id_}", "label": None, "tags": tags, "config": config, "fingerprint": fingerprint(config, tags)}
    return encode(made) + b"\n"


LINES: dict[Cell, list[bytes]] = {
    GROUPS: [line("sg-1", Rules={"tcp|22|22": {"Cidr": "10.0.0.0/8"}}, Count=2**70), line("sg-2", Note="a\u0000\ud800\U0001f600")],
    ROLES: [line("admin", Policy={"Statement": []})],
    EMPTY: [],
}


def part(cell: Cell, lines: list[bytes]) -> BaselineCell:
    read = [json.loads(item) for item in lines]
    digest = cell_digest((item["id"], item["fingerprint"]) for item in read)
    return BaselineCell(cell=cell, shape=SHAPE, file_hash=sha256_hex(b"".join(lines)), digest=digest, count=len(lines))


CELLS = {cell: part(cell, lines) for cell, lines in LINES.items()}
OMISSIONS = (Omission(cell=replace(EMPTY, type="AWS::SQS::Queue"), reason="denied", by="mia"),)
VERSION = BaselineVersion(
    id="baseline-1",
    name="main",
    state=BaselineState.ACTIVE,
    author="alice",
    created_at=datetime(2026, 3, 10, 9, 0, 0, 125, tzinfo=UTC),
    content_hash=content_hash("main", CELLS, OMISSIONS, "ab" * 32),
    parent="baseline-0",
    parent_hash="ab" * 32,
    omissions=OMISSIONS,
    included=(
        IncludedDrift(drift="d-1", verdict="unauthorized", actors=("bob",), disposition=Disposition(kind="risk_accepted", by="mia")),
    ),
    records=("CHG-1",),
    note="first line\nsecond \u2028 line",
)
FILES = FileBaselines()


def lines_of(cell: Cell) -> Iterator[bytes]:
    return iter(LINES[cell])


def write(folder: Path, version: BaselineVersion = VERSION, cells: Mapping[Cell, BaselineCell] = CELLS) -> Path:
    FILES.write(folder, version, cells, lines_of, {SHAPE: FIELDS})
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "baselines/main")


def test_what_was_written_comes_back(folder: Path) -> None:
    """All but the state and the approvals: an import is a proposal, whatever the files were."""
    imported = FILES.read(folder)
    assert imported.version == replace(VERSION, state=BaselineState.PROPOSED, cells=tuple(CELLS[cell] for cell in sorted(CELLS)))
    assert imported.cells == CELLS
    assert imported.shapes == {SHAPE: FIELDS}
    for cell, lines in LINES.items():
        resources = list(imported.resources(cell))
        assert [(item.id, item.document["config"]) for item in resources] == [(json.loads(x)["id"], json.loads(x)["config"]) for x in lines]
        assert all(sha256_hex(canonical_json(item.document)) == item.fingerprint for item in resources)


def test_files_stand_where_reviewers_look_for_them(folder: Path) -> None:
    assert set(contents(folder)) == {
        "manifest.json",
        "shapes.json",
        GROUP_FILE,
        ROLE_FILE,
        "222222222222/eu-west-1/AWS-S3-Bucket.json",
    }
    assert contents(folder)[GROUP_FILE] == b"".join(LINES[GROUPS])


def test_the_same_version_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    backwards = dict(reversed(CELLS.items()))
    assert contents(write(tmp_path / "again", cells=backwards)) == contents(folder)


# --- reading what was touched ----------------------------------------------------------------------------------------------------------


def manifest(change: Callable[[dict[str, Json]], object]) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        path = folder / "manifest.json"
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")

    return act


def file(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes())) and None


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return change


def extra(name: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")

    return act


def link(name: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        target = folder.parent / "elsewhere"
        (folder / name).rename(target)
        (folder / name).symlink_to(target)

    return act


GROUP_HASH, ROLE_HASH = CELLS[GROUPS].file_hash.encode(), CELLS[ROLES].file_hash.encode()
TOUCHED = {
    "config edited": (file(GROUP_FILE, swap(b"10.0.0.0/8", b"0.0.0.0/0")), f"{GROUP_FILE}:1:1: the fingerprint"),
    "tags edited": (file(GROUP_FILE, swap(b"netops", b"nobody")), f"{GROUP_FILE}:1:1: the fingerprint"),
    "fingerprint edited": (file(ROLE_FILE, swap(b'"fingerprint":"', b'"fingerprint":"0')), f"{ROLE_FILE}:1:1: the fingerprint"),
    "arn edited": (file(GROUP_FILE, swap(b"arn:x:sg-1", b"arn:x:sg-9")), f"{GROUP_FILE}:1:1: a file with the SHA-256"),
    "label added": (file(GROUP_FILE, swap(b'"label":null', b'"label":"x"')), f"{GROUP_FILE}:1:1: a file with the SHA-256"),
    "line lost": (file(GROUP_FILE, lambda data: data.splitlines(keepends=True)[0]), f"{GROUP_FILE}:1:1: a file with the SHA-256"),
    "lines swapped": (file(GROUP_FILE, lambda data: b"".join(reversed(data.splitlines(keepends=True)))), f"{GROUP_FILE}:2:1: the resource"),
    "line twice": (file(ROLE_FILE, lambda data: data * 2), f'{ROLE_FILE}:2:1: the resource "admin" after "admin"'),
    "file emptied": (file(ROLE_FILE, lambda _: b""), f"{ROLE_FILE}:1:1: a file with the SHA-256"),
    "key twice": (file(ROLE_FILE, swap(b'"id":', b'"id":"x","id":')), f"{ROLE_FILE}:1:1: a line that is not canonical JSON"),
    "white space": (file(ROLE_FILE, swap(b'"id":', b'"id": ')), f"{ROLE_FILE}:1:1: a line that is not canonical JSON"),
    "unknown key": (file(ROLE_FILE, swap(b'"id":', b'"hidden":1,"id":')), f"{ROLE_FILE}:1:1: a resource with"),
    "no line break": (file(ROLE_FILE, lambda data: data.rstrip()), f"{ROLE_FILE}:1:1: a line that is not canonical JSON"),
    "not a number": (file(ROLE_FILE, swap(b"[]", b"NaN")), f"{ROLE_FILE}:1:1: a line that is not canonical JSON"),
    "deep nesting": (file(ROLE_FILE, lambda _: b"[" * 100_000 + b"\n"), f"{ROLE_FILE}:1:1: a line that is not canonical JSON"),
    "list as id": (file(ROLE_FILE, swap(b'"id":"admin"', b'"id":[1]')), f"{ROLE_FILE}:1:1: a resource with a value of another kind"),
    "not UTF-8": (file(ROLE_FILE, swap(b"admin", b"adm\xffn")), f"{ROLE_FILE}:1:1: a line that is not canonical JSON"),
    "file missing": (lambda folder: (folder / ROLE_FILE).unlink(), "manifest.json:15:5: the cell file"),
    "file not listed": (extra("111111111111/global/AWS-IAM-User.json"), "AWS-IAM-User.json:1:1: a file that the manifest does not list"),
    "hidden file": (extra(".note"), ".note:1:1: a file that the manifest does not list"),
    "linked file": (link(ROLE_FILE), f"{ROLE_FILE}:1:1: a link"),
    "linked folder": (link("222222222222"), "222222222222:1:1: a link"),
    "linked manifest": (link("manifest.json"), "manifest.json:1:1: a link"),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), "manifest.json:1:1: no such file"),
    "half a manifest": (file("manifest.json", lambda data: data[: len(data) // 2]), "manifest.json:"),
    "no shapes": (lambda folder: (folder / "shapes.json").unlink(), "shapes.json:1:1: no such file"),
    "shape edited": (file("shapes.json", swap(b"State", b"Rules")), "shapes.json:2:"),
    "shape lost": (file("shapes.json", lambda _: b"{}"), f"shapes.json:1:1: no shape {SHAPE}"),
    "shape not used": (manifest(lambda m: [c.update(shape="cd" * 32) for c in m["cells"]]), "manifest.json:"),
    "name edited": (manifest(lambda m: m.update(name="other")), "the content hash"),
    "omission removed": (manifest(lambda m: m.update(omissions=[])), "the content hash"),
    "omission's person": (manifest(lambda m: m["omissions"][0].update(by="eve")), "the content hash"),
    "parent hash edited": (manifest(lambda m: m.update(parent_hash="cd" * 32)), "the content hash"),
    "cell removed": (manifest(lambda m: m["cells"].pop()), "the content hash"),
    "file hash edited": (file("manifest.json", swap(GROUP_HASH, ROLE_HASH)), "the content hash"),
    "content hash edited": (manifest(lambda m: m.update(content_hash="cd" * 32)), "the content hash"),
    "count edited": (manifest(lambda m: m["cells"][0].update(count=7)), f"{GROUP_FILE}:1:1: a file with the number of resources 2"),
    "digest edited": (manifest(lambda m: m["cells"][0].update(digest="cd" * 32)), f"{GROUP_FILE}:1:1: a file with the digest"),
    "cell twice": (manifest(lambda m: m["cells"].append(m["cells"][0])), "a second time (first on line"),
    "path climbs by region": (manifest(lambda m: m["cells"][0].update(region="../../etc")), '"../../etc"; expected a region'),
    "path climbs by account": (manifest(lambda m: m["cells"][0].update(account="..")), '".."; expected an account id'),
    "path climbs by type": (manifest(lambda m: m["cells"][0].update(type="A::/../../x")), '"A::/../../x"; expected a resource type'),
    "foreign partition": (manifest(lambda m: m["cells"][0].update(partition="gcp")), '"gcp"; expected aws'),
    "unknown manifest key": (manifest(lambda m: m.update(aproved=True)), 'the unknown key "aproved"'),
    "unknown cell key": (manifest(lambda m: m["cells"][0].update(note="x")), 'the unknown key "note"'),
    "newer format": (manifest(lambda m: m.update(format=2)), "2 without quotes; expected a whole number from 1 to 1"),
    "time without zone": (manifest(lambda m: m.update(created_at="2026-03-10T09:00:00")), "a time without a zone"),
    "manifest key twice": (file("manifest.json", swap(b'"author"', b'"name": "x", "author"')), 'the key "name" a second time'),
    "manifest is a list": (file("manifest.json", lambda _: b"[]"), "manifest.json:1:1: a list; expected a manifest"),
}


@pytest.mark.parametrize("name", TOUCHED)
def test_whatever_was_touched_is_refused_with_its_place(name: str, folder: Path) -> None:
    touch, message = TOUCHED[name]
    touch(folder)
    with pytest.raises(InputError) as refused:
        FILES.read(folder)
    assert message in str(refused.value).replace(f"{folder}/", "")
    assert str(folder) in str(refused.value)


def test_a_file_that_changes_after_it_was_checked_is_refused_when_it_is_used(folder: Path) -> None:
    imported = FILES.read(folder)
    write_to = folder / ROLE_FILE
    write_to.write_bytes(line("admin", Policy={"Statement": ["*"]}))
    with pytest.raises(InputError, match="SHA-256"):
        list(imported.resources(ROLES))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest.json:1:1: no such file"):
        FILES.read(tmp_path / "absent")


# --- writing over what is there --------------------------------------------------------------------------------------------------------


def test_the_former_content_stays_when_writing_fails(folder: Path) -> None:
    before = contents(folder)
    broken = {**CELLS, GROUPS: replace(CELLS[GROUPS], file_hash="cd" * 32)}
    with pytest.raises(StoreError, match="another hash"):
        write(folder, cells=broken)

    def dying(cell: Cell) -> Iterator[bytes]:
        yield from LINES[cell]
        raise StoreError("the store went away")

    with pytest.raises(StoreError, match="went away"):
        FILES.write(folder, VERSION, CELLS, dying, {SHAPE: FIELDS})
    assert contents(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["main"], "no draft is left behind"


def test_a_new_version_replaces_the_old_one_whole(folder: Path) -> None:
    cells = {ROLES: CELLS[ROLES]}
    version = replace(VERSION, content_hash=content_hash("main", cells, OMISSIONS, VERSION.parent_hash))
    write(folder, version, cells)
    assert set(contents(folder)) == {"manifest.json", "shapes.json", ROLE_FILE}
    assert FILES.read(folder).cells == cells


@pytest.mark.parametrize("cell", [replace(GROUPS, type="A::../x"), replace(GROUPS, scope=Scope(account="../../..", region="eu-west-1"))])
def test_no_name_becomes_a_path(cell: Cell, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="name that no file can have"):
        FILES.write(tmp_path / "main", VERSION, {cell: replace(CELLS[EMPTY], cell=cell)}, lambda _: iter(()), {})
    assert list(tmp_path.iterdir()) == []


def test_cells_that_differ_only_in_the_partition_are_refused(tmp_path: Path) -> None:
    china = replace(EMPTY, scope=replace(EMPTY.scope, partition="aws-cn"))
    with pytest.raises(StoreError, match="shares its file name"):
        FILES.write(tmp_path / "main", VERSION, {EMPTY: CELLS[EMPTY], china: replace(CELLS[EMPTY], cell=china)}, lambda _: iter(()), {})


def test_a_folder_with_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="something else"):
        write(tmp_path)
    assert contents(tmp_path) == {"thesis.txt": b"years of work"}


def test_a_disk_that_refuses_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write(tmp_path / "file/main")


# --- signatures ------------------------------------------------------------------------------------------------------------------------

SIGNATURE = "-----BEGIN SSH SIGNATURE-----\nabc\n-----END SSH SIGNATURE-----\n"


@pytest.mark.parametrize("principal", ["mia@corp.example", "../../etc/passwd", ".hidden", "a b/ü%41", "*"])
def test_a_signature_is_kept_under_its_principal_whatever_that_is_called(folder: Path, principal: str) -> None:
    signature = Signature(principal=principal, text=SIGNATURE)
    path = FILES.add_signature(folder, signature)
    assert path.parent == folder / "signatures"
    assert FILES.signatures(folder) == [signature]
    FILES.read(folder)


def test_signatures_stay_with_the_content_that_they_sign(folder: Path) -> None:
    FILES.add_signature(folder, Signature(principal="mia", text=SIGNATURE))
    write(folder, replace(VERSION, note="another note"))
    assert [item.principal for item in FILES.signatures(folder)] == ["mia"]
    cells = {ROLES: CELLS[ROLES]}
    write(folder, replace(VERSION, content_hash=content_hash("main", cells, OMISSIONS, VERSION.parent_hash)), cells)
    assert FILES.signatures(folder) == []


@pytest.mark.parametrize(("name", "data"), [("mia.txt", b"x"), ("mia.sig", b"\xff"), ("mia.sig", b"x" * 20_000)])
def test_what_is_no_signature_is_refused(folder: Path, name: str, data: bytes) -> None:
    (folder / "signatures").mkdir()
    (folder / "signatures" / name).write_bytes(data)
    with pytest.raises(InputError, match=name):
        FILES.signatures(folder)


def test_a_linked_signature_is_refused(folder: Path) -> None:
    FILES.add_signature(folder, Signature(principal="mia", text=SIGNATURE))
    (folder / "signatures/eve.sig").symlink_to("mia.sig")
    with pytest.raises(InputError, match=r"eve\.sig"):
        FILES.signatures(folder)
