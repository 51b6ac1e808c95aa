"""Wiring: the only place where adapters are chosen. From a configuration to an Installation."""

from __future__ import annotations

import hashlib
import inspect
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from driftwatch import plugins
from driftwatch.baseline_files.files import FileBaselines
from driftwatch.config import Config, installation_key
from driftwatch.config import load as load_config
from driftwatch.config.sections import FIXED as PRODUCT_FIXED
from driftwatch.documents import people as people_documents
from driftwatch.documents import policies
from driftwatch.documents.people import People
from driftwatch.domain.authorization.policy import Policy
from driftwatch.engines.threads import ThreadEngine
from driftwatch.errors import InputError, Place, StoreError
from driftwatch.operations import policies as in_force
from driftwatch.operations.due import EmptyCells
from driftwatch.operations.installation import Installation
from driftwatch.ports import ActivitySource, ChangeSource, CheckpointPlace, Notifier, Store
from driftwatch.signing.checkpoints import KEY_FILE, SshCheckpoints
from driftwatch.signing.places import FilePlace, LogPlace
from driftwatch.signing.ssh import SshSigner
from driftwatch.stores.store import open_store

if TYPE_CHECKING:
    from driftwatch.aws.collector import AwsCollector
    from driftwatch.aws.sessions import Account

DEFAULT_CONFIG = Path("driftwatch.yaml")
_FIRST_CONFIG = "a file; `driftwatch init` writes one for the account that your credentials reach, `driftwatch demo` needs none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """An installation and what its surroundings (daemon, listener, commands) need of the configuration."""

    path: Path
    config: Config
    installation: Installation
    types: int
    baseline_folders: Mapping[str, Path]
    """The folders of the baselines whose source is files."""
    traffic: Callable[[str], Mapping[str, int]] = lambda _what: {}
    """The collector's calls, retries or throttles since it was made, by service."""
    actions: Callable[[str, str], tuple[str, ...]] = lambda _type, operation: (operation,)
    """The IAM actions that a call (``service:Operation``) for a resource type needs."""
    end_calls: Callable[[], None] = lambda: None
    """Ends the collector for good: calls on their way are cut."""

    def close(self) -> None:
        """Ends the calls, and closes the store."""
        self.end_calls()
        self.installation.store.close()

    def token(self) -> str | None:
        """The bearer token of the operations listener; raises InputError for an empty or unreadable file."""
        return _secret(self.config.operations.token_file, "a token")

    def client_secret(self) -> str | None:
        """What the identity provider knows driftwatch by; raises InputError for an empty or unreadable file."""
        return _secret(self.config.product.oidc.client_secret_file if self.config.product.oidc else None, "a client secret")


def _secret(file: Path | None, what: str) -> str | None:
    if file is None:
        return None
    try:
        secret = file.read_text().strip()
    except OSError as error:
        raise InputError(f"the file of {what} cannot be read: {error.strerror}", place=Place(str(file))) from error
    if len(secret) < 16:
        raise InputError(f"{what} of fewer than 16 characters", expected="at least 16 random characters", place=Place(str(file)))
    return secret


def load(path: Path | None, env: Mapping[str, str] | None = None, store: Store | None = None) -> Wired:
    """Reads everything that the configuration names and opens the store; raises InputError with the place of whatever is refused.
    With `store` (a reload) the open store stays in use; a configuration that names another database needs a restart.
    """
    chosen = _existing(path or DEFAULT_CONFIG)
    config = load_config(chosen, os.environ if env is None else env)
    people, policy = _people_and_policy(config)
    key, key_id = installation_key(config.state_dir, config.installation_key)
    (collector, types, actions), activity_sources = _collector(config, key, key_id), _activity_sources(config)
    opened = store or _open(config, key_id)
    installation = Installation(
        store=opened,
        collector=collector,
        engine=ThreadEngine(config.scan.concurrency),
        sources=[_source(item.kind, item.name, item.settings, opened) for item in config.change_sources],
        activity_sources=activity_sources,
        baseline_files=FileBaselines(),
        signer=_signer(config),
        policy=policy,
        policy_document=policies.policy_document(policy),
        people=people,
        baselines=config.patterns,
        accounts=[account.id for account in config.accounts],
        freshness_s=config.scan.freshness_h * 3600.0,
        empty_cells=EmptyCells(after=config.scan.empty_after, every=config.scan.empty_every),
        scan_deadline_s=float(config.scan.deadline_s),
        key_id=key_id,
        register=_register(config, chosen),
        checkpoint_signer=_checkpoint_signer(config),
        checkpoint_places=_checkpoint_places(config),
        notifiers=_notifiers(config),
        routing=config.routing,
        clock=now,
        new_id=new_id,
    )
    return Wired(
        path=chosen,
        config=config,
        installation=installation,
        types=types,
        actions=actions,
        baseline_folders={item.name: item.path for item in config.baselines if item.source == "files"},
        traffic=collector.counters.by_service,
        end_calls=lambda: _close(collector, activity_sources),
    )


def _people_and_policy(config: Config) -> tuple[People, Policy]:
    people = people_documents.load(config.people) if config.people else People()
    return people, policies.with_people(policies.load(config.policy), people)


def _close(collector: AwsCollector, activity_sources: Sequence[ActivitySource]) -> None:
    collector.close()
    for source in activity_sources:
        source.close()


def _existing(path: Path) -> Path:
    if not path.exists():
        raise InputError("there is no such configuration", expected=_FIRST_CONFIG, place=Place(str(path)))
    return path


def reload(running: Wired, env: Mapping[str, str] | None = None) -> Wired:
    """Reads everything anew over the open store; raises InputError for what is refused, or cannot change without a restart."""
    made = load(running.path, env, store=running.installation.store)
    before, after = running.config, made.config
    fixed = {
        "store.url": (before.store_url, after.store_url),
        "installation_key": (running.installation.key_id, made.installation.key_id),
        "operations.listen": (before.operations.listen, after.operations.listen),
        "log": (before.log, after.log),
    } | {f"product.{name}": (getattr(before.product, name), getattr(after.product, name)) for name in PRODUCT_FIXED}
    changed = [name for name, (was, now_) in fixed.items() if was != now_]
    if changed:
        made.end_calls()
        raise InputError(f"another {' and '.join(changed)} than at the start", expected="a restart for that", place=Place(str(made.path)))
    made.token()
    in_force.refuse_expired(made.installation)
    return made


def now() -> datetime:
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """A fresh id that sorts by time: the prefix, milliseconds since 1970 in base 16, and 40 random bits."""
    return f"{prefix}-{time.time_ns() // 1_000_000:011x}{secrets.token_hex(5)}"


def holder() -> str:
    """A name for this process in leases: host, process id space, process id, and random digits, so that no two are ever equal."""
    return f"{socket.gethostname()}:{_process_space()}:{os.getpid()}:{secrets.token_hex(4)}"


def is_dead(name: str) -> bool:
    """Whether the holder of that name certainly runs no more: its process id is free in the id space that this process shares with it."""
    parts = name.partition("/")[0].split(":")
    if len(parts) != 4 or not parts[1] or parts[1] != _process_space() or not parts[2].isdigit():
        return False
    try:
        os.kill(int(parts[2]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _process_space() -> str:
    """Which processes can see each other: the boot of the kernel and the process id namespace; empty where that cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:12]


def _open(config: Config, key_id: str) -> Store:
    if config.store_url.startswith("sqlite") and not config.store.url:
        config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = open_store(config.store_url)
    known = store.installation_key_id(key_id)
    if known != key_id:
        store.close()
        raise StoreError(
            f"the store was made with the installation key {known}, this is {key_id}: secrets could not be compared; use that key"
        )
    return store


def _source(kind: str, name: str, settings: object, store: Store) -> ChangeSource:
    """A source whose `create` asks for the store is given the open one; the others know nothing of it."""
    module = plugins.load("driftwatch.change_sources", kind)
    create: Callable[..., ChangeSource] = module.create
    return create(name, settings, store=store) if "store" in inspect.signature(create).parameters else create(name, settings)


def _activity_sources(config: Config) -> list[ActivitySource]:
    accounts = _accounts(config)
    package = "driftwatch.aws.cloudtrail"
    return [plugins.load(package, item.kind).create(item.name, item.settings, accounts=accounts) for item in config.activity_sources]


def _notifiers(config: Config) -> list[Notifier]:
    return [plugins.load("driftwatch.notifiers", item.kind).create(item.name, item.settings) for item in config.notifiers]


def _register(config: Config, path: Path) -> str | None:
    """The name under which scans read the built-in register; raises InputError for a second one, whose records would all be twins."""
    names = [item.name for item in config.change_sources if item.kind == "register"]
    if len(names) > 1:
        raise InputError(f"the register more than once: {', '.join(names)}", expected="one source of kind register", place=Place(str(path)))
    return names[0] if names else None


def _signer(config: Config) -> SshSigner | None:
    return SshSigner(config.allowed_signers, config.revoked_signers) if config.allowed_signers else None


def _checkpoint_signer(config: Config) -> SshCheckpoints:
    chosen = config.ledger.signing_key
    return SshCheckpoints(chosen or config.state_dir / KEY_FILE, makes=chosen is None, trusted=config.ledger.trusted_keys)


def _checkpoint_places(config: Config) -> tuple[CheckpointPlace, ...]:
    """Named by what they are, and numbered where there are several: a metric names them, and a path may say too much."""
    files = [path for path in dict.fromkeys(config.ledger.export) if path != "log"]
    places: list[CheckpointPlace] = [FilePlace(f"file-{n}" if n > 1 else "file", Path(path)) for n, path in enumerate(files, start=1)]
    level = "info" if config.log.level == "debug" else config.log.level
    return (*places, *([LogPlace(level=level)] if "log" in config.ledger.export else []))


def _collector(config: Config, key: bytes, key_id: str) -> tuple[AwsCollector, int, Callable[[str, str], tuple[str, ...]]]:
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
    collector = AwsCollector(catalog, _accounts(config), key, key_id, limits=limits, types=types, clock=now, yaml=read_yaml)
    return collector, len(types), iam_policy.Actions(catalog)


def _accounts(config: Config) -> list[Account]:
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
