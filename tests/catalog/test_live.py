"""Resources of an emulated account: created through boto3, scanned, changed, scanned again. Exactly what was changed is seen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.catalog import living


@pytest.fixture(autouse=True)
def _nobodys_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("type_", living.stories())
def test_two_scans_see_the_change_and_nothing_else(type_: str) -> None:
    for says, sees in living.told(type_):
        assert says == sees


def test_every_story_is_one_of_a_type_of_the_catalogue() -> None:
    assert not [type_ for type_ in living.stories() if type_ not in living.load()]


def test_a_story_in_which_nothing_changes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "AWS-SQS-Queue.toml").write_text("create = []\n")
    monkeypatch.setattr(living, "LIVE", tmp_path)
    with pytest.raises(living.StoryError, match="change"):
        list(living.told("AWS::SQS::Queue"))
