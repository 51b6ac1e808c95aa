"""`driftwatch activity list` and `population`: what the store holds of the log of calls."""

from __future__ import annotations

from datetime import timedelta
from json import dumps
from typing import Annotated, Any

import typer

from driftwatch.cli.context import ConfigOption, JsonOption, wired
from driftwatch.cli.instants import since_option
from driftwatch.cli.output import emit_json, say, table
from driftwatch.domain.activity import Activity, Fate
from driftwatch.domain.canonical import utc_text
from driftwatch.operations import describe, population

MOST = 10_000


def list_(
    resource: Annotated[str | None, typer.Option(help="Only calls on this resource: its id, name or ARN.", metavar="NAME")] = None,
    since: Annotated[str, typer.Option(help="From when on: 6h, 30d, a day, or a time such as 2026-03-10T12:00:00Z.")] = "1d",
    until: Annotated[str | None, typer.Option(help="Up to when; as --since.")] = None,
    account: Annotated[str | None, typer.Option(help="Only calls that worked in this account.", metavar="ID")] = None,
    actor: Annotated[str | None, typer.Option(help="Only calls of this principal, by any of its names in the log.", metavar="WHO")] = None,
    changes: Annotated[bool, typer.Option("--changes", help="Only calls that changed configuration.")] = False,
    denied: Annotated[bool, typer.Option("--denied", help="Only attempts that were denied.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many, the newest.", min=1, max=MOST)] = 100,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List logged writes, the newest first, with what became of each change and the finding that it belongs to."""
    with wired(config) as made:
        now = made.installation.clock()
        with made.installation.store.read() as uow:
            found = uow.activity.find(
                since=since_option(since, now),
                until=since_option(until, now) if until else None,
                account=account,
                name=resource,
                principal=actor,
                changes_only=changes,
                denied_only=denied,
                limit=limit,
            )
            became = [uow.activity.fate(item.id) for item in found]
    if json:
        documents = (describe.stored_activity_document(item, fate, finding) for item, (fate, finding) in zip(found, became, strict=True))
        typer.echo("[" + ",\n".join(dumps(document) for document in documents) + "]")  # not orjson: a log may hold half a character
        return
    rows = [_row(item, fate, finding) for item, (fate, finding) in zip(found, became, strict=True)]
    table(("time", "call", "by", "through", "resource", "outcome", "became", "finding"), rows)
    if len(found) == limit:
        say(f"these are the newest {limit}; --limit shows more, --since and --resource narrow it down")


def _row(item: Activity, fate: Fate | None, finding: str | None) -> tuple[object, ...]:
    actor = item.actor
    by = f"{actor.principal or 'unknown'} for {actor.on_behalf_of}" if actor.on_behalf_of else actor.principal or "unknown"
    first = item.resources[0] if item.resources else None
    named = f"{first.type} {first.ids[0]}" if first and first.ids else ""
    more = f" (+{len(item.resources) - 1})" if len(item.resources) > 1 else ""
    outcome = item.error or item.call.value
    return utc_text(item.time), item.event_name, by, actor.channel.value, named + more, outcome, fate.value if fate else "", finding or ""


def population_(
    since: Annotated[str, typer.Option(help="From which day on: 7d, or a day such as 2026-03-01 (UTC).")] = "7d",
    until: Annotated[str | None, typer.Option(help="Up to and including which day; default: today.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Count all logged writes by day and account, and what became of them: the population that an auditor starts from.

    writes = failed + those that change no configuration + changes; changes = matched + transient + baselined + unwatched + unresolved +
    pending. Beside them the drifts that were detected on that day, explained by a logged call or not.
    """
    with wired(config) as made:
        now = made.installation.clock()
        until_ = since_option(until, now) if until else now
        known = population.population(made.installation, since_option(since, now), max(until_, now - timedelta(days=36_500)))
    documents = [describe.population_document(day, known.drifts.get((day.day, day.account), (0, 0))) for day in known.days]
    if json:
        emit_json(documents)
        return
    _print_population(documents)
    for source in known.sources:
        until_text = ", ".join(f"{account} {utc_text(at)}" for account, at in sorted(source.complete_until.items())) or "not known"
        say(f"{source.name}: complete until {until_text}")


def _print_population(documents: list[dict[str, Any]]) -> None:
    rows = [
        (
            item["day"],
            item["account"],
            item["writes"],
            f"{item['failed']} ({item['denied']})",
            sum(item["others"].values()),
            item["changes"],
            *(item["fates"][fate.value] for fate in Fate),
            f"{item['drifts']['attributed']} + {item['drifts']['unattributed']}",
        )
        for item in documents
    ]
    columns = (
        "day",
        "account",
        "writes",
        "failed (denied)",
        "no change",
        "changes",
        *(fate.value for fate in Fate),
        "drifts known + unknown",
    )
    table(columns, rows)
