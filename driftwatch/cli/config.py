"""`driftwatch config`: check a configuration, print its schema."""

from __future__ import annotations

import typer

from driftwatch.cli.context import ConfigOption, JsonOption, wired
from driftwatch.cli.output import ErrorsAsSentences, emit_json, say
from driftwatch.config import schema as config_schema

app = typer.Typer(cls=ErrorsAsSentences, no_args_is_help=True, help="The configuration file.")


@app.command()
def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Read the configuration, the policy, the people and the catalogue, and open the store. Every problem is named with its place."""
    with wired(config) as made:
        installation = made.installation
        document = {
            "config": str(made.path),
            "accounts": list(installation.accounts),
            "baselines": [pattern.name for pattern in installation.baselines],
            "policy": {"extends": installation.policy.extends, "version": installation.policy.version},
            "people": len(installation.people.persons),
            "types": made.types,
            "store": dict(installation.store.describe()),
        }
    if json:
        emit_json(document)
        return
    for name, value in document.items():
        say(f"{name}: {value}")
    say("the configuration is good")


@app.command()
def schema() -> None:
    """Print the JSON schema of driftwatch.yaml, for editors."""
    emit_json(config_schema())
