"""The directory of record files: what counts as one, and what is never followed or read whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftwatch.change_sources.files import FilesSource, Settings
from driftwatch.errors import SourceError

RECORD = "{{id: {0}, created_at: 2026-03-09T09:00:00Z}}\n"


def write(path: Path, id_: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(RECORD.format(id_))


def fetch(root: Path, **settings: int) -> tuple[list[str], list[str]]:
    fetched = FilesSource("files", Settings(path=root, **settings)).fetch()
    return [record.id for record in fetched.records], [aside.problem.replace(f"{root}/", "") for aside in fetched.set_aside]


def test_yaml_and_json_are_read_in_every_subdirectory(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "A")
    write(tmp_path / "2026/03/b.yml", "B")
    (tmp_path / "2026/c.json").write_text('{"id": "C", "created_at": "2026-03-09T09:00:00Z"}')
    assert sorted(fetch(tmp_path)[0]) == ["A", "B", "C"]


@pytest.mark.parametrize(
    "name", [".hidden.yaml", ".git/x.yaml", "a.yaml~", "#a.yaml#", ".a.yaml.swp", "a.yaml.bak", "README.md", "a.yaml.orig"]
)
def test_hidden_files_leftovers_and_others_are_no_records(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, "A")
    assert fetch(tmp_path) == ([], [])


def test_a_link_that_leaves_the_directory_is_set_aside(tmp_path: Path) -> None:
    write(tmp_path / "outside/secret.yaml", "S")
    root = tmp_path / "root"
    write(root / "a.yaml", "A")
    (root / "b.yaml").symlink_to(tmp_path / "outside/secret.yaml")
    (root / "c.yaml").symlink_to("../outside/secret.yaml")
    (root / "d").symlink_to(tmp_path / "outside")
    records, problems = fetch(root)
    assert records == ["A"]
    assert len(problems) == 3
    assert all("a link that leaves the directory" in problem for problem in problems)


def test_links_within_the_directory(tmp_path: Path) -> None:
    """A linked file is that file once more, and a linked directory might be a loop: neither is read in silence."""
    write(tmp_path / "sub/a.yaml", "A")
    (tmp_path / "b.yaml").symlink_to("sub/a.yaml")
    (tmp_path / "sub/loop").symlink_to("..")
    records, problems = fetch(tmp_path)
    assert records == []
    assert sum("a link to a directory" in problem for problem in problems) == 1
    assert sum("stands more than once" in problem for problem in problems) == 2


def test_what_is_too_large_broken_or_no_text_is_set_aside_with_its_place(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "A")
    (tmp_path / "b.yaml").write_text("#" * 5000)
    (tmp_path / "c.yaml").write_bytes(b"id: \xff\n")
    (tmp_path / "d.yaml").write_text("id: [\n")
    (tmp_path / "e.yaml").symlink_to("absent.yaml")
    records, problems = fetch(tmp_path, max_file_bytes=4096)
    assert records == ["A"]
    assert problems == [
        "b.yaml:1:1: more than 4096 bytes; expected at most 4096",
        "c.yaml:1:5: the byte 0xff, which is not UTF-8; expected a file in UTF-8",
        "d.yaml:2:1: no valid YAML or JSON: did not find expected node content while parsing a flow node",
        "e.yaml:1:1: no such file; expected a file that can be read",
    ]


def test_too_many_files_are_an_error_of_the_source_and_never_cut_in_silence(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.yaml", f"C{number}")
    assert len(fetch(tmp_path, max_files=4)[0]) == 4
    with pytest.raises(SourceError, match="more than 3"):
        fetch(tmp_path, max_files=3)


def test_records_of_two_files_with_one_id_name_each_other(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "A")
    write(tmp_path / "b.yaml", "A")
    records, problems = fetch(tmp_path)
    assert not records
    assert [("a.yaml:1:1" in problem, "b.yaml:1:1" in problem) for problem in problems] == [(True, True), (True, True)]
