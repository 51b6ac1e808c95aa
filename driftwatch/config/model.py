"""The settings as one value: driftwatch.yaml and the environment."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import combinations
from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from driftwatch.config.notify import Notify
from driftwatch.config.sections import (
    Account,
    Baseline,
    Catalogue,
    Ledger,
    Log,
    Operations,
    Product,
    Scan,
    Schedule,
    Source,
    Store,
    TypeGlob,
)
from driftwatch.documents.models import Section
from driftwatch.domain.baseline import BaselinePattern
from driftwatch.domain.notification import Routing


class Config(Section, BaseSettings):
    """Everything that can be set. Relative paths are relative to the folder of the config file."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    state_dir: Path = Field(default=Path(".driftwatch"), description="Where driftwatch keeps its database and its installation key.")
    installation_key: Path | None = Field(
        default=None,
        description="A file with the 32 bytes that secrets are hashed with; default: one in state_dir, made at the first start.",
    )
    store: Store = Field(default=Store(), description="The database.")
    accounts: tuple[Account, ...] = Field(min_length=1, description="The AWS accounts to watch.")
    types: tuple[TypeGlob, ...] = Field(default=("*",), min_length=1, description="Globs over resource types to watch.")
    exclude_types: tuple[TypeGlob, ...] = Field(default=(), description="Globs over resource types to leave out.")
    catalog: Catalogue = Field(default=Catalogue(), description="Further resource types.")
    baselines: tuple[Baseline, ...] = Field(min_length=1, description="The named baselines; a cell belongs to one at most.")
    policy: Path = Field(default=Path("policy.yaml"), description="The policy file.")
    people: Path | None = Field(default=None, description="The people file: who is who, with which roles.")
    allowed_signers: Path | None = Field(default=None, description="Who may sign baselines, in the format of ssh-keygen's ALLOWED SIGNERS.")
    revoked_signers: Path | None = Field(default=None, description="Keys that no longer count: a key revocation list, or public keys.")
    change_sources: tuple[Source, ...] = Field(default=(), description="Where change records come from.")
    activity_sources: tuple[Source, ...] = Field(default=(), description="Where the logged API calls come from: who changed what.")
    notifiers: tuple[Source, ...] = Field(default=(), description="Who is told of findings: Alertmanager, webhooks, chats, the log.")
    notify: Notify = Field(default=Notify(), description="What is told to whom, and how.")
    schedule: Schedule = Field(default=Schedule(), description="When to scan.")
    scan: Scan = Field(default=Scan(), description="The limits of a scan.")
    operations: Operations = Field(default=Operations(), description="The operations listener.")
    product: Product = Field(default=Product(), description="The product listener: the HTTP API, and who may do what with it.")
    log: Log = Field(default=Log(), description="The log.")
    ledger: Ledger = Field(default=Ledger(), description="The ledger's checkpoints.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings names what it hands over
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` hands over: it reads the environment itself, to know where each value came from."""
        return (init_settings,)

    @property
    def store_url(self) -> str:
        return self.store.url or f"sqlite:///{self.state_dir / 'driftwatch.db'}"

    @property
    def patterns(self) -> tuple[BaselinePattern, ...]:
        return tuple(baseline.pattern for baseline in self.baselines)

    @property
    def routing(self) -> Routing:
        return self.notify.routing(tuple(notifier.name for notifier in self.notifiers))

    def watches(self, resource_type: str) -> bool:
        """Whether a resource type is among those to watch."""
        return _any(resource_type, self.types) and not _any(resource_type, self.exclude_types)

    @field_validator("accounts")
    @classmethod
    def _each_account_once(cls, accounts: tuple[Account, ...]) -> tuple[Account, ...]:
        _refuse_twins("account", [account.id for account in accounts])
        return accounts

    @field_validator("change_sources", "activity_sources", "notifiers")
    @classmethod
    def _each_source_once(cls, sources: tuple[Source, ...], info: ValidationInfo) -> tuple[Source, ...]:
        _refuse_twins(str(info.field_name).replace("_", " ").removesuffix("s"), [source.name for source in sources])
        return sources

    @field_validator("baselines")
    @classmethod
    def _each_cell_once(cls, baselines: tuple[Baseline, ...], info: ValidationInfo) -> tuple[Baseline, ...]:
        _refuse_twins("baseline", [baseline.name for baseline in baselines])
        accounts = tuple(account.id for account in info.data.get("accounts", ()))
        for one, other in combinations(baselines, 2):
            if _overlap(one, other, accounts):
                wanted = "each cell in one baseline: narrow their patterns"
                raise ValueError(f"the baselines {one.name} and {other.name} cover the same cells; expected {wanted}")
        return baselines


def _refuse_twins(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the {what} {', '.join(twice)} more than once; expected each once")


def _overlap(one: Baseline, other: Baseline, accounts: tuple[str, ...]) -> bool:
    """Whether a cell of a configured account can belong to both."""
    return (
        any(_any(account, one.accounts) and _any(account, other.accounts) for account in accounts)
        and any(_meet(a, b) for a in one.regions for b in other.regions)
        and any(_meet(a, b) for a in one.types for b in other.types)
    )


def _any(text: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text, glob) for glob in globs)


def _meet(one: str, other: str) -> bool:
    """Whether some text matches both globs."""
    reached = {(0, 0)}
    todo = [(0, 0)]
    while todo:
        i, j = todo.pop()
        if i == len(one) and j == len(other):
            return True
        for step in _steps(one[i : i + 1], other[j : j + 1], i, j):
            if step not in reached:
                reached.add(step)
                todo.append(step)
    return False


def _steps(a: str, b: str, i: int, j: int) -> list[tuple[int, int]]:
    """The positions in two globs that are reached from (i, j), where `a` and `b` stand, by one character or an empty star."""
    steps = [(i + 1, j)] * (a == "*") + [(i, j + 1)] * (b == "*")
    if a and b:
        if a == "*" or b == "*":
            steps.append((i + (a != "*"), j + (b != "*")))
        elif a == b or "?" in (a, b):
            steps.append((i + 1, j + 1))
    return steps
