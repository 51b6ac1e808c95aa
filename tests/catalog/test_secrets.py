"""No secret leaves the adapter: planted at every secret path of every entry, it is in nothing that a collection hands on or logs."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from driftwatch.aws.catalog import load
from driftwatch.aws.embedded_yaml import read_yaml
from driftwatch.aws.entry import Entry, path_segments
from driftwatch.aws.failures import classify
from driftwatch.aws.rows import values_at
from driftwatch.aws.traffic import Limits
from driftwatch.domain.normalize import Normaliser
from driftwatch.domain.snapshot import Batch, CellRead, GapReason
from tests.catalog.generated import END, REGION, WORD, Answers, alone, answers_for, collection
from tests.fakes import TEST_KEY

SECRETIVE = [entry.type for entry in load().values() if entry.secret]


def words(value: Any) -> set[str]:
    return set(re.findall(rf"{re.escape(WORD)}\d+{re.escape(END)}", repr(value)))


def planted(type_: str) -> tuple[dict[str, Entry], Answers, dict[str, set[str]]]:
    """The catalogue, the answers, and the secrets at each secret path: found by reading once without the rules for secrets."""
    catalog = alone(type_)
    answers = answers_for(catalog)
    open_ = {**catalog, type_: replace(catalog[type_], secret={})}
    configs = [found.config for event in collection(open_, type_, answers) if isinstance(event, Batch) for found in event.resources]
    assert configs, "nothing was read"
    found = {path: [value for config in configs for value in values_at(path, config)] for path in load()[type_].secret}
    modes = load()[type_].secret
    return catalog, answers, {path: words([values_of(v) if modes[path] == "map-values" else v for v in found[path]]) for path in found}


def values_of(value: Any) -> Any:
    """The values of a map without its keys, which are no secret."""
    if isinstance(value, dict):
        return [values_of(item) for item in value.values()]
    return [values_of(item) for item in value] if isinstance(value, list) else value


def leaked(secrets: Mapping[str, set[str]], *texts: Any) -> dict[str, set[str]]:
    seen = words(texts)
    return {path: found & seen for path, found in secrets.items() if found & seen}


@pytest.mark.parametrize("type_", SECRETIVE)
def test_secrets_are_in_nothing_that_was_read_or_logged(type_: str, caplog: pytest.LogCaptureFixture) -> None:
    """Also beside the rules of an older catalogue, under which a cell may still be read."""
    caplog.set_level(logging.DEBUG)
    catalog, answers, secrets = planted(type_)
    events = list(collection(catalog, type_, answers))
    older = replace(catalog[type_].normalisation, drop=(*catalog[type_].drop, "Former"))
    events += collection(catalog, type_, answers, pinned=older)
    batches = [event for event in events if isinstance(event, Batch)]
    assert [len(batch.resources) for batch in batches] == [1, 1]
    assert batches[1].reshaped
    assert words(batches), "what is no secret is there"
    assert leaked(secrets, events, [str(event) for event in events], caplog.text) == {}


def document_with(path: str, secret: Any) -> Any:
    """The smallest document that has this at the path."""
    for step in reversed(path_segments(path)):
        secret = [secret] if step == "[]" else {"any" if step == "*" else step: secret}
    return secret


@pytest.mark.parametrize("type_", SECRETIVE)
def test_every_secret_path_is_hidden(type_: str) -> None:
    """Also one that leads through a map whose keys the model does not know."""
    entry = load()[type_]
    normaliser = Normaliser(entry.normalisation, TEST_KEY, yaml=read_yaml)
    for path, mode in entry.secret.items():
        for secret in ("quagga", *([{"name": "quagga"}, [{"name": "quagga"}]] if mode != "value" else [])):
            canonical = normaliser.normalise(document_with(path, secret))
            assert "quagga" not in repr(canonical), path
            assert "hmac-sha256:" in repr(canonical), f"{path} was dropped: a change of it would not show"


@pytest.mark.parametrize("type_", SECRETIVE)
def test_secrets_are_in_no_gap(type_: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever makes a gap of the resource: its size, a value that has no canonical form, an error whose text repeats the secret."""
    caplog.set_level(logging.DEBUG)
    catalog, answers, secrets = planted(type_)
    everything = sorted(word for found in secrets.values() for word in found)
    text = " ".join(everything)
    operation = f"{catalog[type_].service}:{catalog[type_].list.op}"
    refused = classify(ClientError({"Error": {"Code": "AccessDenied", "Message": text}, "Secret": text}, "List"), operation)
    broken = classify(ResponseParserError(f"cannot parse: {text}"), operation)
    runs: list[tuple[GapReason, Answers, Limits | None]] = [
        (GapReason.OVERSIZE, answers, Limits(max_item_bytes=10)),
        (GapReason.INVALID_ITEM, {name: with_odd_values(answer) for name, answer in answers.items()}, None),
        (GapReason.DENIED, {name: lambda _params, _region: refused for name in answers}, None),
        (GapReason.NOT_AWS, {name: lambda _params, _region: broken for name in answers}, None),
    ]
    for reason, given, limits in runs:
        events = list(collection(catalog, type_, given, limits=limits))
        gaps = [gap for event in events if isinstance(event, CellRead) for gap in event.gaps]
        assert {gap.reason for gap in gaps} == {reason}
        assert leaked(secrets, events, [str(event) for event in events], caplog.text) == {}


def with_odd_values(answer: Callable[[Mapping[str, Any], str], Any]) -> Callable[[Mapping[str, Any], str], Any]:
    """The answer with a number that JSON has no form for in every object that has a text."""

    def odd(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: odd(item) for name, item in value.items()} | ({"Odd": float("nan")} if words(list(value.values())) else {})
        return [odd(item) for item in value] if isinstance(value, list) else value

    return lambda params, region: odd(answer(params, region))


def test_a_part_that_could_not_be_read_gives_nothing_of_its_reason_away() -> None:
    catalog = {**alone("AWS::Lambda::Function"), "AWS::Lambda::Function": replace(load()["AWS::Lambda::Function"], settling={})}
    answers = answers_for(catalog)
    events = list(collection(catalog, "AWS::Lambda::Function", answers))
    (end,) = [event for event in events if isinstance(event, CellRead)]
    (gap,) = end.gaps
    assert "Environment.Error" in gap.detail
    assert words(gap.detail) <= words(answers["lambda:ListFunctions"]({}, REGION)["Functions"][0]["Environment"]["Error"]["ErrorCode"])


def test_there_are_entries_with_secrets() -> None:
    assert len(SECRETIVE) >= 10
