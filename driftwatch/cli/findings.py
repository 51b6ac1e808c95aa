"""`driftwatch findings`: list, show, why."""

from __future__ import annotations

from typing import Annotated

import orjson
import typer

from driftwatch.cli.context import ConfigOption, JsonOption, wired
from driftwatch.cli.output import ErrorsAsSentences, emit_json, say, table
from driftwatch.domain.authorization.explain import explain
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.codec import decode
from driftwatch.domain.decision import Decision
from driftwatch.domain.finding import LIVE, FindingState
from driftwatch.operations import describe, findings

app = typer.Typer(cls=ErrorsAsSentences, no_args_is_help=True, help="Resources off their baseline, and how each change was judged.")
FindingId = Annotated[str, typer.Argument(help="A finding's id, or an unambiguous beginning of it.", metavar="FINDING")]


@app.command(name="list")
def list_(
    state: Annotated[list[FindingState] | None, typer.Option(help="Only findings in this state (default: the live ones).")] = None,
    every: Annotated[bool, typer.Option("--all", help="Closed ones, too.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List findings, the most recent first."""
    with wired(config) as made:
        states = tuple(FindingState) if every else tuple(state or LIVE)
        found = findings.listed(made.installation, states)
        documents = describe.finding_documents(made.installation, found)
    if json:
        emit_json(documents)
        return
    rows = [
        (item["id"], item["state"], item["verdict"], item["kind"], item["type"], item["label"] or item["resource"], item["first_seen"])
        for item in documents
    ]
    table(("finding", "state", "verdict", "kind", "type", "resource", "first seen"), rows)


@app.command()
def show(finding: FindingId, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show one finding with every difference."""
    with wired(config) as made:
        case = findings.case(made.installation, finding)
    document = describe.finding_document(case)
    if json:
        emit_json(document | {"decisions": list(case.decisions)})
        return
    interval = case.finding.drift.interval
    since = utc_text(interval.last_good) if interval.last_good else "an unknown time"
    say(
        f"{document['id']}: {document['verdict']}, {document['state']}",
        f"{document['resource']} ({document['type']}) was {document['kind']} between {since} and {utc_text(interval.detected)}",
    )
    rows = [
        (item["path"] or "(the whole resource)", item["op"], _short(item["before"]), _short(item["after"]))
        for item in document["differences"]
    ]
    table(("path", "op", "before", "after"), rows, title="")


@app.command()
def why(finding: FindingId, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Explain a verdict in words: every record that was considered, which rules passed or failed, and by how much."""
    with wired(config) as made:
        case = findings.case(made.installation, finding)
    if json:
        emit_json(case.decisions[-1])
        return
    item = case.finding
    say(f"{item.resource_id} ({item.cell.type}): {item.drift.kind.value}", "", *explain(decode(Decision, case.decisions[-1])))
    if len(case.decisions) > 1:
        say("", f"decided {len(case.decisions)} times; this is the last decision, of {case.decisions[-1]['decided_at']}")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return text if len(text) <= 120 else f"{text[:117]}..."
