"""A user's own entries pass the same check as ours: faults stop the start, with their line; what the SDK lacks is a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftwatch.aws import extra
from driftwatch.aws.catalog import load
from driftwatch.aws.typecheck import Level
from driftwatch.errors import InputError

GOOD = """\
[[resource]]
type = "Custom::Signer::Platform"
service = "signer"
list = { op = "ListSigningPlatforms", items = "platforms" }
id = "platformId"
reviewed = ["displayName", "partner", "target", "category", "signingConfiguration", "signingImageFormat", "maxSizeInMB",
  "revocationSupported"]
"""


def written(folder: Path, text: str) -> Path:
    (folder / "own.toml").write_text(text)
    return folder


def test_good_entries_are_read_beside_ours(tmp_path: Path) -> None:
    catalog, doubts = extra.checked([written(tmp_path, GOOD)])
    assert set(catalog) - set(load()) == {"Custom::Signer::Platform"}
    assert doubts == []


def test_without_folders_there_is_only_ours() -> None:
    catalog, doubts = extra.checked([])
    assert (set(catalog), doubts) == (set(load()), [])


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ('items = "platforms"', 'items = "platfroms"', 4, "did you mean platforms"),
        ("ListSigningPlatforms", "ListSigningPlatform", 4, "did you mean ListSigningPlatforms"),
        ('id = "platformId"', 'id = "platform"', 5, "there is no member platform"),
        (', "target"', "", 6, "not reviewed: target"),
        ('reviewed = ["displayName", ', 'reviewed = ["diplayName", ', 6, "diplayName"),
        ('service = "signer"', 'service = "signr"', 3, "did you mean signer"),
    ],
)
def test_a_fault_is_refused_with_file_and_line(tmp_path: Path, before: str, after: str, line: int, words: str) -> None:
    with pytest.raises(InputError) as refused:
        extra.checked([written(tmp_path, GOOD.replace(before, after))])
    assert f"own.toml:{line}: Custom::Signer::Platform:" in str(refused.value)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('service = "signer"', 'service = "quantumledger"', "the SDK has no service quantumledger"),
        ("ListSigningPlatforms", "ListUnheardOfThings", "signer has no operation ListUnheardOfThings"),
    ],
)
def test_what_the_installed_sdk_lacks_is_a_warning(tmp_path: Path, before: str, after: str, words: str) -> None:
    catalog, doubts = extra.checked([written(tmp_path, GOOD.replace(before, after))])
    assert "Custom::Signer::Platform" in catalog, "its cells are gaps: a scan says so"
    assert {doubt.level for doubt in doubts} == {Level.WARNING}
    assert any(words in doubt.message and "will not be read" in doubt.message for doubt in doubts)


def test_a_type_of_ours_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="written twice"):
        extra.checked([written(tmp_path, GOOD.replace("Custom::Signer::Platform", "AWS::SQS::Queue"))])
