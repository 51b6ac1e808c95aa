"""Alerts, dashboard and runbooks name only what exists, and none of them stands alone."""

from __future__ import annotations

import json
import re
from collections import defaultdict

import pytest
import typer

from tests.deploy.exported import everything
from tests.deploy.shipped import DASHBOARD, ROOT, RULES, RUNBOOKS, alerts, cases, expressions, panels, recorded, uses

SEVERITIES = {"critical", "warning", "info", "none"}
GIVEN_BY_PROMETHEUS = {"job", "instance"}
ALERTS = sorted(alerts())
IDS = re.compile(r"arn:|finding-|\baccount }}|labels\.(account|region)")


@pytest.fixture(scope="module")
def exported() -> dict[str, dict[str, frozenset[str]]]:
    return everything()  # type: ignore[return-value]


def test_every_metric_that_is_named_is_exported(exported: dict) -> None:
    known = exported.keys() | recorded().keys()
    unknown = {(place, use.name) for place, expression in expressions().items() for use in uses(expression) if use.name not in known}
    assert not unknown


def test_every_label_that_is_asked_for_can_have_such_a_value(exported: dict) -> None:
    """A matcher that nothing can match makes an alert that never fires."""
    wrong = set()
    for place, expression in expressions().items():
        for use in uses(expression):
            for label, operator, value in use.matchers:
                if label in GIVEN_BY_PROMETHEUS or place.startswith("test"):
                    continue
                known = values(use.name, label, exported)
                wanted = value.split("|") if "~" in operator else [value]
                wrong |= {(place, use.name, label, each) for each in wanted if each not in known}
    assert not wrong


def values(name: str, label: str, exported: dict) -> set[str]:
    """What a label of a metric can be; of a recorded one, what it can be in those behind it."""
    behind = asked(recorded()[name]) if name in recorded() else {name}
    return {value for each in behind for value in exported[each].get(label, frozenset())}


def test_every_recorded_name_is_one_of_the_rules_and_is_used() -> None:
    text = " ".join(expressions().values())
    named = set(re.findall(r"driftwatch:[\w:]+", text))
    assert named == set(recorded())


def test_no_two_alerts_have_one_name() -> None:
    assert RULES.read_text().count("- alert: ") == len(ALERTS) > 40


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_says_how_bad_it_is_in_words_and_where_to_read_on(name: str) -> None:
    alert = alerts()[name]
    assert alert["labels"]["severity"] in SEVERITIES
    notes = alert["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert 20 < len(notes["summary"]) < 120
    assert notes["description"].strip().endswith(".")
    assert not IDS.search(notes["summary"] + notes["description"]), "an alert names no account and no resource"
    assert notes["runbook_url"] == f"docs/runbooks/{name}.md"
    assert (ROOT / notes["runbook_url"]).is_file()


def test_every_alert_has_a_case_that_fires_and_one_that_is_quiet_about_its_own_metrics() -> None:
    fired, quiet = set(), set()
    for case in cases():
        fed = {use.name for item in case["input_series"] for use in uses(item["series"])} | {
            "up" for item in case["input_series"] if item["series"].startswith("up{")
        }
        for check in case["alert_rule_test"]:
            name = check["alertname"]
            assert case["name"].startswith(name)
            if check["exp_alerts"]:
                fired.add(name)
                (found,) = check["exp_alerts"]
                assert found["exp_labels"]["severity"] == alerts()[name]["labels"]["severity"]
                assert set(found["exp_annotations"]) == {"summary", "description", "runbook_url"}
            elif fed & asked(alerts()[name]["expr"]):
                quiet.add(name)
    assert (set(ALERTS) - fired, set(ALERTS) - quiet) == (set(), set())


def asked(expression: str) -> set[str]:
    """The metrics that an expression rests on, also through recorded ones, and `up`."""
    for name, behind in recorded().items():
        expression = expression.replace(name, behind)
    return {use.name for use in uses(expression) if use.name not in recorded()} | ({"up"} if re.search(r"\bup\{", expression) else set())


def test_only_the_heartbeat_always_fires() -> None:
    assert [name for name, alert in alerts().items() if alert["labels"]["severity"] == "none"] == ["DriftwatchHeartbeat"]


# --- runbooks ----------------------------------------------------------------------------------------------------------------------------


def test_every_runbook_belongs_to_an_alert_and_stands_in_the_index() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md") if path.name != "README.md") == ALERTS
    index = (RUNBOOKS / "README.md").read_text()
    rows = dict(re.findall(r"^\| \[(\w+)\]\(\1\.md\) \| (\w+) \|", index, re.MULTILINE))
    assert rows == {name: alert["labels"]["severity"] for name, alert in alerts().items()}


@pytest.mark.parametrize("name", ALERTS)
def test_a_runbook_says_what_it_means_what_to_look_at_what_to_do_and_when_it_ends(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    alert = alerts()[name]
    after = f", after {alert['for']}" if "for" in alert else ""
    assert text.startswith(f"# {name}\n\nSeverity: **{alert['labels']['severity']}**{after}.\n\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Look first", "Do", "It ends"]
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (RUNBOOKS / target).exists(), target


def options() -> dict[str, set[str]]:
    """Every command with the options that it knows."""
    from driftwatch.cli.main import app

    found: dict[str, set[str]] = {}

    def walk(command: object, words: str) -> None:
        found[words] = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}  # type: ignore[attr-defined]
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{words} {name}")

    walk(typer.main.get_command(app), "driftwatch")
    return found


def test_runbooks_name_only_commands_and_options_that_exist() -> None:
    known = options()
    groups = {words for words in known if any(other.startswith(f"{words} ") for other in known)}
    wrong, seen = defaultdict(list), 0
    for path in sorted(RUNBOOKS.glob("*.md")):
        text = path.read_text()
        quoted = [line.partition("  #")[0] for line in re.findall(r"^    (driftwatch .*)$", text, re.MULTILINE)]
        for line in quoted + re.findall(r"`(driftwatch [^`]*)`", text):
            words = line.split()
            command = max((" ".join(words[:end]) for end in range(1, len(words) + 1) if " ".join(words[:end]) in known), key=len)
            given = {word.partition("=")[0] for word in words if word.startswith("--")}
            seen += 1
            if (command in groups and "--version" not in given) or given - known[command]:
                wrong[path.name].append(line)
    assert not wrong
    assert seen > 100


# --- the dashboard -----------------------------------------------------------------------------------------------------------------------


def test_the_dashboard_can_be_pointed_at_any_source_job_and_instance() -> None:
    document = json.loads(DASHBOARD.read_text())
    assert document["schemaVersion"] >= 38
    assert [item["name"] for item in document["templating"]["list"]] == ["datasource", "job", "instance"]
    ids = [panel["id"] for panel in document["panels"]]
    assert len(ids) == len(set(ids)) > 50
    for panel in panels():
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            bare = re.sub(r'\{job=~"\$job", instance=~"\$instance"', "", target["expr"])
            assert len(re.findall(r"driftwatch[_:]", target["expr"])) == target["expr"].count("$instance") > 0, bare


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        mine = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not mine & taken, panel["title"]
        taken |= mine
