"""apprise: an extra that says so when it is not there, and one service for each notifier."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from driftwatch.errors import InputError
from driftwatch.notifiers import apprise
from tests.contract.notifiers.letters import singly
from tests.contract.notifiers.receiver import receiving


def settings(folder: Path, text: str) -> apprise.Settings:
    (folder / "url").write_text(text)
    return apprise.Settings(url_file=folder / "url")


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)  # as if it were not installed
    with pytest.raises(InputError, match=r"driftwatch\[notify\]"):
        apprise.create("chat", settings(tmp_path, "json://localhost"))


@pytest.mark.parametrize("text", ["", "nonsense", "nosuch://s3cret@host", "json://a\njson://b"])
def test_what_is_no_url_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    pytest.importorskip("apprise")
    with pytest.raises(InputError) as error:
        apprise.create("chat", settings(tmp_path, text))
    assert "s3cret" not in str(error.value)
    assert str(tmp_path / "url") in str(error.value)


def test_the_kind_of_message_follows_the_severity(tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    with receiving() as receiver:
        apprise.create("chat", settings(tmp_path, receiver.url.replace("http", "json"))).send(singly(1))
    body = json.loads(receiver.got[0].body)
    assert body["type"] == "failure"
    assert body["title"] == "[critical] sg-1 was changed"
    assert "Who: mallory" in body["message"]
