"""`driftwatch notify`: status, retry."""

from __future__ import annotations

from typing import Annotated

import typer

from driftwatch.cli.context import Asking, AsOption, ConfigOption, JsonOption, KeyOption, actor, wired
from driftwatch.cli.output import ErrorsAsSentences, emit_json, say, table
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.resource import Json
from driftwatch.operations import queues, requests
from driftwatch.operations.identify import Act
from driftwatch.operations.queues import Queue

app = typer.Typer(
    cls=ErrorsAsSentences, no_args_is_help=True, help="Notifiers: what each one is still to be told, and what its receiver refused."
)


@app.command()
def status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show the queue of each notifier: what waits, since when and why, and what was refused."""
    with wired(config) as made:
        documents = [_document(item) for item in queues.queues(made.installation)]
        daemon = requests.daemon_is_alive(made.installation)
    if json:
        emit_json(documents)
        return
    columns = ("notifier", "owed", "oldest_owed", "error", "quarantined")
    table(("notifier", "owed", "oldest since", "last error", "quarantined"), [[item[name] for name in columns] for item in documents])
    for item in documents:
        for refused in item["refused"]:
            say(f"{item['notifier']} refused {refused['finding']}: {refused['error']}")
    if any(item["quarantined"] for item in documents):
        say("when the receiver is mended: driftwatch notify retry")
    if any(item["owed"] for item in documents) and not daemon:
        say("no daemon runs: `driftwatch serve` tells what is owed")


@app.command()
def retry(
    receiver: Annotated[str | None, typer.Option(help="Only what this notifier's receiver refused.", metavar="NOTIFIER")] = None,
    as_person: AsOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Put what was refused back into the queue, once the receiver is mended. It is told at once where a daemon runs."""
    with wired(config) as made:
        who = actor(made, Asking(as_person, key), Act(action="notify_retry", object=receiver or "*"))
        moved = dict(queues.retry(made.installation, who, receiver))
        daemon = requests.daemon_is_alive(made.installation)
    if json:
        emit_json({"retried": moved})
        return
    for name, number in moved.items():
        say(f"{name} is owed {number} again{'' if daemon else '; `driftwatch serve` tells it'}")
    if not moved:
        say("nothing is quarantined")


def _document(queue: Queue) -> Json:
    measure = queue.measure
    return {
        "notifier": queue.notifier,
        "owed": measure.owed,
        "oldest_owed": utc_text(measure.oldest_owed) if measure.oldest_owed else None,
        "error": queue.oldest.error if queue.oldest else None,
        "quarantined": measure.quarantined,
        "refused": [{"finding": item.finding, "error": item.error} for item in queue.refused],
    }
