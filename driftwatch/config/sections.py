"""The sections of driftwatch.yaml, one model each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from apscheduler.triggers.cron import CronTrigger
from pydantic import BaseModel, BeforeValidator, Field, PrivateAttr, WithJsonSchema, field_validator, model_validator

from driftwatch.config.addresses import is_loopback, origin_of, web_address
from driftwatch.config.oidc import Oidc
from driftwatch.documents.models import Section, Word
from driftwatch.domain.access import Grant, Role
from driftwatch.domain.baseline import BaselinePattern

ALL_REGIONS: Final = ("all",)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_REGIONS_SCHEMA: Final = {"anyOf": [{"const": "all"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}


def _all_or_list(value: object) -> object:
    return ALL_REGIONS if value == "all" else value


Name = Annotated[str, Word(r"[a-z0-9][a-z0-9._-]{0,62}", "a name of small letters, digits, . _ and -")]
AccountId = Annotated[str, Word(r"[0-9]{12}", "an account id: twelve digits in quotes")]
Region = Annotated[str, Word(r"all|[a-z]{2}(-[a-z]+)+-[0-9]{1,2}", "a region such as eu-west-1")]
Regions = Annotated[tuple[Region, ...], BeforeValidator(_all_or_list), Field(min_length=1), WithJsonSchema(_REGIONS_SCHEMA)]
TypeGlob = Annotated[str, Word(r"[A-Za-z0-9:*?]{1,200}", 'a resource type or a pattern, such as "AWS::EC2::*"')]
AccountGlob = Annotated[str, Word(r"[0-9]{12}|[0-9*?]{0,12}[*?][0-9*?]{0,12}", "an account id in quotes, or a pattern with * or ?")]
RegionGlob = Annotated[str, Word(r"[a-z0-9*?-]{1,40}", "a region or a pattern, such as eu-*")]
Interval = Annotated[str, Word(r"[1-9][0-9]{0,5}[smhd]", "a number and s, m, h or d, such as 15m")]
RoleArn = Annotated[str, Word(r"arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:role/[^\s]{1,512}", "the ARN of a role")]
Address = Annotated[str, Word(r"(\[[0-9a-fA-F:]+\]|[^\s\[\]:]+):[0-9]{1,5}", "an address and a port, such as 127.0.0.1:9464")]
StoreUrl = Annotated[str, Word(r"(sqlite|postgresql)(\+[a-z]+)?://\S*", "a URL that begins with sqlite:// or postgresql+psycopg://")]


class Account(Section):
    """One AWS account to watch, and how to get into it."""

    id: AccountId
    name: str | None = Field(default=None, min_length=1, max_length=200, description="What people call it.")
    partition: Literal["aws", "aws-cn", "aws-us-gov"] = Field(default="aws", description="The AWS partition.")
    profile: str | None = Field(default=None, min_length=1, description="A profile of the AWS configuration; default: boto3's own search.")
    role_arn: RoleArn | None = Field(default=None, description="A role in this account to assume.")
    external_id: str | None = Field(default=None, min_length=2, max_length=1224, description="The external id the role's trust asks for.")
    regions: Regions = Field(default=ALL_REGIONS, description='The regions to watch, or "all" that are switched on.')

    @model_validator(mode="after")
    def _role_in_this_account(self) -> Account:
        if self.role_arn and self.role_arn.split(":")[4] != self.id:
            raise ValueError(f"a role_arn of another account than {self.id}; expected a role in this account")
        if self.external_id and not self.role_arn:
            raise ValueError("an external_id without a role_arn; expected both, or neither")
        return self


class Baseline(Section):
    """A named baseline: which cells it covers, and where its approved state comes from."""

    name: Name = Field(description="Its name, unique; findings and files are kept under it.")
    accounts: tuple[AccountGlob, ...] = Field(default=("*",), min_length=1, description="Account ids and globs over them.")
    regions: tuple[RegionGlob, ...] = Field(default=("*",), min_length=1, description='Globs over regions; "global" is one, too.')
    types: tuple[TypeGlob, ...] = Field(default=("*",), min_length=1, description="Globs over resource types.")
    source: Literal["capture", "files"] = Field(default="capture", description="What a refresh proposes: a fresh capture, or the files.")
    path: Path = Field(description="The folder of its files; default baselines/<name>.")

    @model_validator(mode="before")
    @classmethod
    def _folder_by_name(cls, data: Any) -> Any:
        return {"path": f"baselines/{data['name']}", **data} if isinstance(data, dict) and isinstance(data.get("name"), str) else data

    @property
    def pattern(self) -> BaselinePattern:
        return BaselinePattern(name=self.name, accounts=self.accounts, regions=self.regions, types=self.types)


class Source(BaseModel, extra="allow", frozen=True, hide_input_in_errors=True):
    """A source that an adapter reads; the keys besides these are those of its kind."""

    name: Name = Field(description="Its name, unique; what it brings is kept under it.")
    kind: str = Field(description="The adapter: the name of its module.")
    _settings: BaseModel | None = PrivateAttr(default=None)

    @property
    def settings(self) -> BaseModel:
        """The settings of its kind."""
        if self._settings is None:
            raise ValueError("the settings of a source exist once `load` has read them")
        return self._settings

    def give(self, settings: BaseModel | None) -> None:
        """Takes the settings of its kind, which `load` reads with the adapter's own model."""
        self._settings = settings


class Store(Section):
    """Where driftwatch keeps what it knows."""

    url: StoreUrl | None = Field(
        default=None, description="SQLAlchemy's URL; default: a SQLite file in state_dir. One with a password belongs into the environment."
    )


class Schedule(Section):
    """When to scan: at an interval, or at the times of a cron line (UTC)."""

    every: Interval | None = Field(default=None, description="An interval; 15m where there is no cron either.")
    cron: str | None = Field(default=None, description="Five fields: minute, hour, day, month, day of week; in UTC.")
    jitter_s: int = Field(default=30, ge=0, le=3600, description="Each start is delayed by up to so many seconds: it cannot be foreseen.")

    @field_validator("cron")
    @classmethod
    def _cron_line(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                CronTrigger.from_crontab(value, timezone="UTC")
            except ValueError as error:
                raise ValueError(f"a cron line of five fields ({error})") from error
        return value

    @model_validator(mode="after")
    def _one_of_both(self) -> Schedule:
        if self.every and self.cron:
            raise ValueError("every and cron; expected one of them")
        return self

    @property
    def interval_s(self) -> int | None:
        """Seconds between two starts; None where a cron line says when."""
        every = self.every or "15m"
        return None if self.cron else int(every[:-1]) * _UNITS[every[-1]]


class Scan(Section):
    """How hard a scan may work, and when its reading grows old."""

    concurrency: int = Field(default=32, ge=1, le=64, description="Calls, and units of work, at the same time.")
    per_service: int = Field(default=16, ge=1, le=64, description="Calls at the same time to one service in one account and region.")
    call_deadline_s: int = Field(default=60, ge=1, le=3600, description="Seconds until one call is given up.")
    deadline_s: int = Field(default=3600, ge=10, le=86_400, description="Seconds until a whole scan is ended; the rest is unknown.")
    page_cap: int = Field(default=10_000, ge=1, le=1_000_000, description="Pages of one listing; more are a gap, never silence.")
    retry_budget: int = Field(default=50, ge=0, le=10_000, description="Retries for one service in one account and region and scan.")
    confirm_absence_s: int = Field(
        default=60,
        ge=1,
        le=3600,
        description="Seconds after which a cell is read again that lacks a resource for the first time, or holds one that has not settled.",
    )
    empty_after: int = Field(default=3, ge=1, le=1000, description="Readings in a row without a find that make a cell an empty one.")
    empty_every: int = Field(default=4, ge=1, le=1000, description="Scheduled scans of which one reads an empty cell; 1: every one does.")
    freshness_h: int = Field(default=24, ge=1, le=8760, description="Hours for which a complete reading counts; then the cell is stale.")


class Catalogue(Section):
    """The resource types that can be read, besides those that driftwatch ships."""

    extra_dirs: tuple[Path, ...] = Field(default=(), description="Folders of further catalogue files (*.toml).")


class Ledger(Section):
    """The ledger's checkpoints: who signs them, how often, and where they go besides the store."""

    signing_key: Path | None = Field(
        default=None, description="A private Ed25519 SSH key; default: ledger_ed25519 in state_dir, made for the first checkpoint."
    )
    trusted_keys: Path | None = Field(default=None, description="Public keys, one a line, of which former checkpoints may be signed.")
    checkpoint_interval_s: int = Field(default=3600, ge=10, le=604_800, description="Seconds between two checkpoints.")
    verify_interval_s: int = Field(
        default=86_400, ge=60, le=2_678_400, description="Seconds between two verifications of the whole ledger by the daemon."
    )
    export: tuple[Literal["log"] | Path, ...] = Field(
        default=("log",), min_length=1, description='The second places of checkpoints: files that only grow, and "log".'
    )


class Operations(Section):
    """The operations listener: /metrics, /healthz and /readyz, and nothing else."""

    listen: Address = Field(default="127.0.0.1:9464", description="Address and port.")
    token_file: Path | None = Field(default=None, description="A file with the bearer token that callers must show.")
    open: bool = Field(default=False, description="Whether the listener may be reached from other machines without a token.")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @model_validator(mode="after")
    def _nobody_else_unasked(self) -> Operations:
        host, port = self.address
        if not 1 <= port <= 65_535:
            raise ValueError(f"the port {port}; expected one from 1 to 65535")
        if not is_loopback(host) and self.token_file is None and not self.open:
            wanted = "token_file, or open: true where everybody may read it"
            raise ValueError(f"{self.listen}, which other machines can reach, without a token; expected {wanted}")
        return self


Granted = Annotated[str, Word(r"\*|(group:)?[^\s:*?]{1,200}", "a person's id, group:<name>, or * for everybody who signed in")]


class Access(Section):
    """A role on the product listener, and who has it where."""

    role: Role = Field(description="viewer sees, operator deals with findings, approver decides, auditor sees everything, admin may all.")
    to: tuple[Granted, ...] = Field(min_length=1, description="People's ids, group:<name>, or * for everybody who signed in.")
    accounts: tuple[AccountGlob, ...] = Field(default=("*",), min_length=1, description="The accounts that it counts for: ids and globs.")

    @property
    def grant(self) -> Grant:
        return Grant(role=self.role, to=self.to, accounts=self.accounts)


FIXED: Final = ("listen", "enabled", "tls_certificate", "tls_key", "behind_tls")
"""What of the product listener stays as it was at the start."""


class Product(Section):
    """The product listener: the HTTP API. Everything on it needs a token or a session."""

    listen: Address = Field(default="127.0.0.1:8464", description="Address and port.")
    enabled: bool = Field(default=True, description="Whether `serve` opens it at all.")
    tls_certificate: Path | None = Field(default=None, description="A PEM file with the certificate and its chain.")
    tls_key: Path | None = Field(default=None, description="A PEM file with the certificate's private key.")
    behind_tls: bool = Field(default=False, description="Whether something in front of it ends TLS: then it may listen beyond loopback.")
    public_url: str | None = Field(default=None, description="Where browsers reach it, such as https://driftwatch.corp.example.")
    oidc: Oidc | None = Field(default=None, description="The identity provider that people sign in with.")
    access: tuple[Access, ...] = Field(default=(), description="Who has which role where; whatever no entry allows is denied.")
    session_idle_m: int = Field(default=60, ge=1, le=1440, description="Minutes without a request after which a session is over.")
    session_max_h: int = Field(default=12, ge=1, le=168, description="Hours after which a session is over whatever happens.")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def secure(self) -> bool:
        """Whether people reach it over TLS."""
        return self.tls_certificate is not None or self.behind_tls

    @property
    def redirect_url(self) -> str:
        """Where the identity provider sends people back to."""
        host = f"{'https' if self.secure else 'http'}://{self.listen}"
        return (self.oidc.redirect_url if self.oidc else None) or f"{self.public_url or host}/sign-in/callback"

    @field_validator("public_url")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        return value if value is None else origin_of(web_address(value, path=False))

    @property
    def grants(self) -> tuple[Grant, ...]:
        return tuple(item.grant for item in self.access)

    @model_validator(mode="after")
    def _nobody_else_in_the_clear(self) -> Product:
        host, port = self.address
        if not 1 <= port <= 65_535:
            raise ValueError(f"the port {port}; expected one from 1 to 65535")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("one of tls_certificate and tls_key; expected both, or neither")
        if not is_loopback(host) and not self.secure:
            wanted = "tls_certificate and tls_key, or behind_tls: true where something in front of it ends TLS"
            raise ValueError(f"{self.listen}, which other machines can reach, without TLS; expected {wanted}")
        if self.public_url and self.public_url.startswith("https:") != self.secure:
            raise ValueError("a public_url with another scheme than the listener's; expected https with TLS or behind_tls, else http")
        if self.oidc and not (is_loopback(host) or self.public_url or self.oidc.redirect_url):
            raise ValueError("oidc without the address that browsers know; expected public_url")
        return self


class Log(Section):
    """What driftwatch writes to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least important level that is written.")
    format: Literal["json", "text"] = Field(default="json", description="One JSON object a line, or text for people.")
