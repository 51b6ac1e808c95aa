"""Wiring: the only place where adapters are chosen. From a configuration to an Installation."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from driftwatch import plugins
from driftwatch.baseline_files.files import FileBaselines
from driftwatch.config import Config, installation_key
from driftwatch.config import load as load_config
from driftwatch.documents import people as people_documents
from driftwatch.documents import policies
from driftwatch.documents.people import People
from driftwatch.engines.threads import ThreadEngine
from driftwatch.errors import InputError, Place, StoreError
from driftwatch.operations.installation import Installation
from driftwatch.ports import ChangeSource, Collector, Store
from driftwatch.signing.ssh import SshSigner
from driftwatch.stores.store import open_store

DEFAULT_CONFIG = Path("driftwatch.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """An installation and what its surroundings (daemon, listener, commands) need of the configuration."""

    path: Path
    config: Config
    installation: Installation
    types: int
    baseline_folders: Mapping[str, Path]
    """The folders of the baselines whose source is files."""

    def token(self) -> str | None:
        """The bearer token of the operations listener; raises InputError for an empty or unreadable file."""
        file = self.config.operations.token_file
        if file is None:
            return None
        try:
            token = file.read_text().strip()
        except OSError as error:
            raise InputError(f"the token file cannot be read: {error.strerror}", place=Place(str(file))) from error
        if len(token) < 16:
            raise InputError("a token of fewer than 16 characters", expected="at least 16 random characters", place=Place(str(file)))
        return token


def load(path: Path | None, env: Mapping[str, str] | None = None, store: Store | None = None) -> Wired:
    """Reads everything that the configuration names and opens the store; raises InputError with the place of whatever is refused.

    With `store` (a reload) the open store stays in use; a configuration that names another database needs a restart.
    """
    chosen = path or DEFAULT_CONFIG
    if not chosen.exists():
        remedy = "a file; `driftwatch init` writes one for the account that your credentials reach, `driftwatch demo` needs none"
        raise InputError("there is no such configuration", expected=remedy, place=Place(str(chosen)))
    config = load_config(chosen, os.environ if env is None else env)
    people = people_documents.load(config.people) if config.people else People()
    policy = policies.with_people(policies.load(config.policy), people)
    sources = [_source(item.kind, item.name, item.settings) for item in config.change_sources]
    key, key_id = installation_key(config.state_dir, config.installation_key)
    collector, types = _collector(config, key, key_id)
    opened = store or _open(config, key_id)
    installation = Installation(
        store=opened,
        collector=collector,
        engine=ThreadEngine(config.scan.concurrency),
        sources=sources,
        baseline_files=FileBaselines(),
        signer=SshSigner(config.allowed_signers, config.revoked_signers) if config.allowed_signers else None,
        policy=policy,
        policy_document=policies.policy_document(policy),
        people=people,
        baselines=config.patterns,
        accounts=[account.id for account in config.accounts],
        freshness_s=config.scan.freshness_h * 3600.0,
        scan_deadline_s=float(config.scan.deadline_s),
        key_id=key_id,
        clock=now,
        new_id=new_id,
    )
    folders = {baseline.name: baseline.path for baseline in config.baselines if baseline.source == "files"}
    return Wired(path=chosen, config=config, installation=installation, types=types, baseline_folders=folders)


def now() -> datetime:
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """A fresh id that sorts by time: the prefix, milliseconds since 1970 in base 16, and 40 random bits."""
    return f"{prefix}-{time.time_ns() // 1_000_000:011x}{secrets.token_hex(5)}"


def holder() -> str:
    """Who this thread of this process is, for leases."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"


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


def _source(kind: str, name: str, settings: object) -> ChangeSource:
    module = plugins.load("driftwatch.change_sources", kind)
    create: Callable[[str, object], ChangeSource] = module.create
    return create(name, settings)


def _collector(config: Config, key: bytes, key_id: str) -> tuple[Collector, int]:
    from driftwatch.aws import catalog as catalogs
    from driftwatch.aws.collector import AwsCollector
    from driftwatch.aws.sessions import Account
    from driftwatch.aws.traffic import Limits

    catalog = catalogs.load()
    types = [name for name in catalog if config.watches(name)]
    _refuse_useless_globs(config, list(catalog))
    accounts = [
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
    limits = Limits(
        calls_in_flight=config.scan.concurrency,
        calls_per_place=config.scan.per_service,
        call_deadline_s=float(config.scan.call_deadline_s),
        max_pages=config.scan.page_cap,
        retry_budget=config.scan.retry_budget,
    )
    return AwsCollector(catalog, accounts, key, key_id, limits=limits, types=types, clock=now), len(types)


def _refuse_useless_globs(config: Config, known: Sequence[str]) -> None:
    """A type that the catalogue lacks must not look watched."""
    for glob in (*config.types, *config.exclude_types):
        if not any(fnmatchcase(name, glob) for name in known):
            raise InputError(f"no resource type of the catalogue matches {glob!r}", expected="one that `driftwatch catalog list` names")
