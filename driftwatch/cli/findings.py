"""`driftwatch findings`: list, show, why, ack, ratify, except, and exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer

from driftwatch.cli import exceptions as exceptions_cli
from driftwatch.cli.context import Asking, AsOption, ConfigOption, JsonOption, KeyOption, actor, wired
from driftwatch.cli.output import ErrorsAsSentences, emit_json, say, table
from driftwatch.domain.attribute import WhyNot
from driftwatch.domain.authorization.explain import explain
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.codec import decode
from driftwatch.domain.decision import Decision
from driftwatch.domain.finding import LIVE, FindingState
from driftwatch.errors import InputError
from driftwatch.operations import describe, exceptions, findings
from driftwatch.operations.identify import Act

app = typer.Typer(
    cls=ErrorsAsSentences,
    no_args_is_help=True,
    help="Resources off their baseline, how each change was judged, and what was done about it.",
)
app.add_typer(exceptions_cli.app, name="exceptions")
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
        (
            item["id"],
            item["state"],
            item["verdict"],
            item["kind"],
            item["type"],
            item["label"] or item["resource"],
            item["first_seen"],
            item["due"],
            "flapping" if item["handling"]["flapping"] else "",
        )
        for item in documents
    ]
    table(("finding", "state", "verdict", "kind", "type", "resource", "first seen", "due", ""), rows)


@app.command()
def show(finding: FindingId, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show one finding with every difference."""
    with wired(config) as made:
        case = findings.case(made.installation, finding)
    document = describe.finding_document(case)
    if json:
        emit_json(document | {"decisions": list(case.decisions), "facts": describe.facts_document(case.facts)})
        return
    interval = case.finding.drift.interval
    since = utc_text(interval.last_good) if interval.last_good else "an unknown time"
    say(
        f"{document['id']}: {document['verdict']}, {document['state']}",
        f"{document['resource']} ({document['type']}) was {document['kind']} between {since} and {utc_text(interval.detected)}",
        *_standing(document),
    )
    rows = [
        (item["path"] or "(the whole resource)", item["op"], _short(item["before"]), _short(item["after"]))
        for item in document["differences"]
    ]
    table(("path", "op", "before", "after"), rows, title="")
    _print_calls(document["attribution"])
    if case.facts:
        facts, read_at = case.facts
        say("", f"beside the configuration, as of {utc_text(read_at)}:", *(f"  {path}: {_short(value)}" for path, value in facts.items()))


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


@app.command()
def ack(
    finding: FindingId,
    ticket: Annotated[str | None, typer.Option(help="Where it is dealt with.")] = None,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Acknowledge an open finding: you have seen it and deal with it. The verdict stays, and so does the exit code."""
    with wired(config) as made:
        found = findings.case(made.installation, finding).finding
        who = actor(made, Asking(as_person, key), Act(action="finding_ack", object=found.id, content_hash=found.drift_version))
        findings.ack(made.installation, found.id, who, ticket)
        case = findings.case(made.installation, found.id)
    _tell(case, json=json)


@app.command()
def ratify(
    finding: FindingId,
    record: Annotated[str, typer.Option(help="The change record that allows it afterwards.", metavar="RECORD")],
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Agree to an uncovered drift afterwards, by a retroactive change record. It never becomes authorised by that.

    The record has to cover every uncovered path and its value, and to be approved by somebody with a required role who had no part in the
    change; nor may you have had one. The finding may then enter a baseline as a deviation that somebody disposed of.
    """
    with wired(config) as made:
        found = findings.case(made.installation, finding).finding
        content = f"{found.drift_version} {record}"
        who = actor(made, Asking(as_person, key), Act(action="finding_ratify", object=found.id, content_hash=content))
        findings.ratify(made.installation, found.id, record, who)
        case = findings.case(made.installation, found.id)
    _tell(case, json=json)


@app.command(name="except")
def except_(
    finding: FindingId,
    until: Annotated[str, typer.Option(help="Up to when, in UTC: 2026-06-30 (its first moment), or 2026-06-30T12:00Z.", metavar="DATE")],
    reason: Annotated[str, typer.Option(help="Why it has to stay as it is for now; who approves it reads this.")],
    path: Annotated[list[str] | None, typer.Option(help="Only this path of the finding (default: every uncovered one).")] = None,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Ask for an exception: that the state is excused for a while. Somebody else has to approve it (`findings exceptions approve`).

    It excuses exactly the values that are there now: another change of the same paths is a finding again. It warns 14 days before it
    ends, and when it ends the finding is open again.
    """
    end = _moment(until)
    with wired(config) as made:
        found = findings.case(made.installation, finding).finding
        who = actor(made, Asking(as_person, key), Act(action="finding_except", object=found.id, content_hash=found.drift_version))
        asked = exceptions.request(made.installation, found.id, who, until=end, reason=reason, paths=path or ())
        document = describe.exception_document(asked, made.installation.clock())
    if json:
        emit_json(document)
        return
    say(
        f"{asked.id} is requested, up to {document['expires']}",
        f"content hash {document['content_hash']}",
        f"somebody else approves it: `driftwatch findings exceptions approve {asked.id} --hash {document['content_hash'][:12]}`",
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"--until {text!r}", expected="a date such as 2026-06-30, or a time such as 2026-06-30T12:00Z") from None
    if moment.tzinfo is None and len(text) > len("2026-06-30"):
        raise InputError(f"--until {text!r} has no zone", expected="a time with a zone, such as 2026-06-30T12:00Z")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _standing(document: dict[str, Any]) -> Iterator[str]:
    """What was done about a finding, one line each."""
    handling = document["handling"]
    if document["verdict_initial"] != document["verdict"]:
        yield f"first judged {document['verdict_initial'] or '(not settled yet)'}"
    if document["due"]:
        yield f"the review of the emergency change is due {document['due']}"
    if handling["acknowledged_by"]:
        ticket = f", ticket {handling['ticket']}" if handling["ticket"] else ""
        yield f"acknowledged by {handling['acknowledged_by']} {handling['acknowledged']}{ticket}"
    if handling["disposition"]:
        by = handling["record"] or handling["exception"]
        with_ = f" with {by}" if by else ""
        yield f"{handling['disposition']} by {handling['disposed_by']} {handling['disposed']}{with_}"
    if handling["flapping"]:
        yield "flapping: it changed its state more than 3 times within 24 hours"
    if document["closed"]:
        yield f"closed {document['closed']}"


_WHY_NOT = {
    WhyNot.FAILED: "it failed",
    WhyNot.READ_ONLY: "it changes no configuration",
    WhyNot.BEFORE: "it was made before the old state was last seen",
    WhyNot.AFTER: "it was made after the new state was seen",
    WhyNot.OTHER_PATHS: "its operation cannot touch what changed",
}


def _print_calls(attribution: dict[str, Any] | None) -> None:
    """The logged calls on the resource: who wrote which path, and why each other call did not."""
    if attribution is None:
        return
    if not attribution["calls"]:
        say("", "no logged call names this resource in that time: nobody is known to have made the change")
        return
    rows = [
        (
            item["time"],
            item["call"],
            item["actor"] or "unknown",
            f"for {item['on_behalf_of']}" if item["on_behalf_of"] else item["kind"],
            item["channel"],
            ", ".join(path or "(the whole resource)" for path in item["wrote"]) or f"not taken: {_WHY_NOT[WhyNot(item['why_not'])]}",
        )
        for item in attribution["calls"]
    ]
    table(("time", "call", "by", "", "through", "wrote"), rows, title="\nlogged calls")
    if attribution["unattributed"]:
        say(f"no logged call explains {', '.join(path or '(the whole resource)' for path in attribution['unattributed'])}")


def _tell(case: findings.Case, *, json: bool) -> None:
    document = describe.finding_document(case)
    if json:
        emit_json(document)
        return
    say(f"{document['id']}: {document['verdict']}, {document['state']}", *_standing(document))


def _short(value: object) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return text if len(text) <= 120 else f"{text[:117]}..."
