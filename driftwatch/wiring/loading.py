"""From a configuration to an Installation with its surroundings, and to another one on a reload."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
from driftwatch.ports import ActivitySource, Store
from driftwatch.stores.store import open_store
from driftwatch.wiring import adapters
from driftwatch.wiring.names import new_id, now

if TYPE_CHECKING:
    from driftwatch.aws.collector import AwsCollector

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
    (collector, types, actions), activity_sources = adapters.collector(config, key, key_id), adapters.activity_sources(config)
    opened = store or _open(config, key_id)
    installation = Installation(
        store=opened,
        collector=collector,
        engine=ThreadEngine(config.scan.concurrency),
        sources=[adapters.source(item.kind, item.name, item.settings, opened) for item in config.change_sources],
        activity_sources=activity_sources,
        baseline_files=FileBaselines(),
        signer=adapters.signer(config),
        policy=policy,
        policy_document=policies.policy_document(policy),
        people=people,
        baselines=config.patterns,
        accounts=[account.id for account in config.accounts],
        freshness_s=config.scan.freshness_h * 3600.0,
        empty_cells=EmptyCells(after=config.scan.empty_after, every=config.scan.empty_every),
        scan_deadline_s=float(config.scan.deadline_s),
        key_id=key_id,
        register=adapters.register(config, chosen),
        checkpoint_signer=adapters.checkpoint_signer(config),
        checkpoint_places=adapters.checkpoint_places(config),
        notifiers=adapters.notifiers(config),
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
