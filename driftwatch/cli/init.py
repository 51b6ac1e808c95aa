"""`driftwatch init`: a first configuration for the account that the caller's credentials reach."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from driftwatch.aws.whoami import Identity, who_am_i
from driftwatch.cli.context import os_user
from driftwatch.cli.output import say
from driftwatch.errors import InputError, Place

CONFIG = """\
# driftwatch: what is watched, and where its records lie. `driftwatch config check` reads all of it, `driftwatch config schema` prints
# the schema. Every key can be set by the environment, too: DRIFTWATCH_SCAN__CONCURRENCY=8.

# Where the SQLite database and the installation key are kept. Keep both, and keep them together: without the key, secrets that are
# stored as keyed hashes cannot be compared any more.
state_dir: .driftwatch

accounts:
  # Account ids are text: quote them, or YAML reads some as octal numbers.
  - id: "{account}"
{profile}    regions: all            # those that are switched on; or a list, such as [{regions}]
  # Another account, through a role that you may assume:
  # - id: "222222222222"
  #   role_arn: arn:{partition}:iam::222222222222:role/driftwatch
  #   external_id: an-id-that-the-trust-policy-asks-for

# Globs over resource types; `driftwatch catalog list` names those that exist.
types: ["*"]

baselines:
  # What a baseline covers: globs over accounts, regions and types. A cell belongs to exactly one baseline.
  - name: production
    accounts: ["*"]
    source: capture         # or `files`: its reviewed and signed form under baselines/production

policy: policy.yaml
people: people.yaml

change_sources:
  # A directory of YAML change records: one record a file, or many.
  - name: tickets
    kind: files
    path: changes
  # The built-in register: records made with `driftwatch changes new`, for teams without a ticket system.
  # - name: register
  #   kind: register

schedule:
  every: 15m
  jitter_s: 30

operations:
  listen: 127.0.0.1:9464    # /metrics, /healthz, /readyz

product:
  listen: 127.0.0.1:8464    # the HTTP API; `driftwatch serve` prints a link that signs you in, `driftwatch token new` makes a token
  access:
    # Who may do what there; whatever no entry allows is denied. Nobody approves their own work, an admin neither.
    # Roles: viewer, operator, approver, auditor, admin; `accounts` narrows one to some accounts.
    - role: admin
      to: [{person}]

ledger:
  # Where the signed checkpoints of the ledger go besides the database: files that only grow, best on another machine, and the log.
  export: [log]
"""

POLICY = """\
# What counts as authorised. `startup` asks for an approved record before the change; `scaleup` and `enterprise` ask for more.
# A preset may be tightened freely; loosening it needs a `deviations` block that says who approved that, why, and until when.
extends: startup
production_accounts: ["{account}"]

# Paths that are not drift, each with the reason:
# ignore:
#   - resource_types: ["*"]
#     attribute_paths: ["/Tags/aws:*"]
#     reason: AWS writes these tags
"""

PEOPLE = """\
# Who is who. Nobody approves their own work, so two people are the least.
people:
  - id: {person}
    os_users: [{user}]
    roles: [engineer]
  # - id: somebody-else
  #   os_users: [their-login]
  #   roles: [manager]
  #   ssh_principals: [somebody@corp.example]
"""


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write the files.")] = Path(),
    profile: Annotated[str | None, typer.Option(help="A profile of your AWS configuration (default: boto3's own search).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Ask AWS who you are and which regions are switched on, and write a commented driftwatch.yaml, policy.yaml and people.yaml."""
    found = who_am_i(profile)
    written = files(found, os_user())
    there = [name for name in written if (folder / name).exists()]
    if there and not force:
        raise InputError(f"{', '.join(there)} exist already", expected="--force to replace them", place=Place(str(folder / there[0])))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "changes").mkdir(exist_ok=True)
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    regions = (
        f"{len(found.regions)} regions are switched on" if found.regions else f"which regions are switched on is not known: {found.trouble}"
    )
    say(
        f"account {found.account} ({found.arn}), {regions}",
        f"written: {', '.join(str(folder / name) for name in written)}",
        "next: `driftwatch config check`, `driftwatch scan`, then `driftwatch baseline capture production --propose`,",
        "and let somebody else, who stands in people.yaml, too, `driftwatch baseline approve production`",
    )


def files(found: Identity, user: str) -> dict[str, str]:
    """The files of a first installation: name -> text."""
    profile = f"    profile: {json.dumps(found.profile)}\n" if found.profile else ""
    person = json.dumps(re.sub(r"[^\w.@+-]", "-", user))
    named = ", ".join(found.regions[:3]) or "eu-west-1"
    return {
        "driftwatch.yaml": CONFIG.format(account=found.account, partition=found.partition, regions=named, profile=profile, person=person),
        "policy.yaml": POLICY.format(account=found.account),
        "people.yaml": PEOPLE.format(user=json.dumps(user), person=person),
    }
