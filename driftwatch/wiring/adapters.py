"""The adapters that a configuration names, each made with its settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from driftwatch import plugins
from driftwatch.config import Config
from driftwatch.errors import InputError, Place
from driftwatch.ports import ActivitySource, ChangeSource, CheckpointPlace, Notifier, Store
from driftwatch.signing.checkpoints import KEY_FILE, SshCheckpoints
from driftwatch.signing.places import FilePlace, LogPlace
from driftwatch.signing.ssh import SshSigner
from driftwatch.wiring.names import now

if TYPE_CHECKING:
    from driftwatch.aws.collector import AwsCollector
    from driftwatch.aws.sessions import Account


def source(kind: str, name: str, settings: object, store: Store) -> ChangeSource:
    """A source whose `create` asks for the store is given the open one; the others know nothing of it."""
    module = plugins.load("driftwatch.change_sources", kind)
    create: Callable[..., ChangeSource] = module.create
    return create(name, settings, store=store) if "store" in inspect.signature(create).parameters else create(name, settings)


def activity_sources(config: Config) -> list[ActivitySource]:
    known = accounts(config)
    package = "driftwatch.aws.cloudtrail"
    return [plugins.load(package, item.kind).create(item.name, item.settings, accounts=known) for item in config.activity_sources]


def notifiers(config: Config) -> list[Notifier]:
    return [plugins.load("driftwatch.notifiers", item.kind).create(item.name, item.settings) for item in config.notifiers]


def register(config: Config, path: Path) -> str | None:
    """The name under which scans read the built-in register; raises InputError for a second one, whose records would all be twins."""
    names = [item.name for item in config.change_sources if item.kind == "register"]
    if len(names) > 1:
        raise InputError(f"the register more than once: {', '.join(names)}", expected="one source of kind register", place=Place(str(path)))
    return names[0] if names else None


def signer(config: Config) -> SshSigner | None:
    return SshSigner(config.allowed_signers, config.revoked_signers) if config.allowed_signers else None


def checkpoint_signer(config: Config) -> SshCheckpoints:
    chosen = config.ledger.signing_key
    return SshCheckpoints(chosen or config.state_dir / KEY_FILE, makes=chosen is None, trusted=config.ledger.trusted_keys)


def checkpoint_places(config: Config) -> tuple[CheckpointPlace, ...]:
    """Named by what they are, and numbered where there are several: a metric names them, and a path may say too much."""
    files = [path for path in dict.fromkeys(config.ledger.export) if path != "log"]
    places: list[CheckpointPlace] = [FilePlace(f"file-{n}" if n > 1 else "file", Path(path)) for n, path in enumerate(files, start=1)]
    level = "info" if config.log.level == "debug" else config.log.level
    return (*places, *([LogPlace(level=level)] if "log" in config.ledger.export else []))


def collector(config: Config, key: bytes, key_id: str) -> tuple[AwsCollector, int, Callable[[str, str], tuple[str, ...]]]:
    from driftwatch.aws import extra, iam_policy
    from driftwatch.aws.collector import AwsCollector
    from driftwatch.aws.embedded_yaml import read_yaml
    from driftwatch.aws.traffic import Limits

    catalog, doubts = extra.checked(config.catalog.extra_dirs)
    for doubt in doubts:
        structlog.get_logger().warning("catalog_entry", problem=str(doubt))
    types = [name for name, entry in catalog.items() if config.watches(name) and (entry.repeats is None or name in config.types)]
    _refuse_useless_globs(config, list(catalog))
    limits = Limits(
        calls_in_flight=config.scan.concurrency,
        calls_per_place=config.scan.per_service,
        call_deadline_s=float(config.scan.call_deadline_s),
        max_pages=config.scan.page_cap,
        retry_budget=config.scan.retry_budget,
    )
    collector = AwsCollector(catalog, accounts(config), key, key_id, limits=limits, types=types, clock=now, yaml=read_yaml)
    return collector, len(types), iam_policy.Actions(catalog)


def accounts(config: Config) -> list[Account]:
    from driftwatch.aws.sessions import Account

    return [
        Account(
            id=item.id,
            role_arn=item.role_arn,
            external_id=item.external_id,
            profile=item.profile,
            regions=None if item.regions == ("all",) else item.regions,
            partition=item.partition,
        )
        for item in config.accounts
    ]


def _refuse_useless_globs(config: Config, known: Sequence[str]) -> None:
    """A type that the catalogue lacks must not look watched."""
    for glob in (*config.types, *config.exclude_types):
        if not any(fnmatchcase(name, glob) for name in known):
            raise InputError(f"no resource type of the catalogue matches {glob!r}", expected="one that `driftwatch catalog list` names")
