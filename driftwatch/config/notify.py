"""Who is told of findings: the routes, and what messages point to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from driftwatch.config.sections import AccountGlob, Name, TypeGlob
from driftwatch.documents.models import Section, Word
from driftwatch.domain.notification import Route, Routing, Severity

BaseUrl = Annotated[str, Word(r"https?://[^\s@?#]+", "a URL that begins with https:// or http://")]
OwnerGlob = Annotated[str, Word(r"\S.{0,255}", "a value of the owner tag, or a pattern with * or ?")]


class RouteSection(Section):
    """Findings that match every part of it go to the notifiers that it names."""

    accounts: tuple[AccountGlob, ...] = Field(default=("*",), min_length=1, description="Account ids and globs over them.")
    severities: tuple[Literal["info", "warning", "critical"], ...] = Field(
        default=("warning", "critical"), min_length=1, description="Of info, warning and critical."
    )
    types: tuple[TypeGlob, ...] = Field(default=("*",), min_length=1, description="Globs over resource types.")
    owners: tuple[OwnerGlob, ...] = Field(default=(), description="Globs over the owner tag's value; none: whoever owns it, or nobody.")
    to: tuple[Name, ...] = Field(min_length=1, description="The names of the notifiers.")

    @property
    def route(self) -> Route:
        return Route(
            accounts=self.accounts, severities=tuple(map(Severity, self.severities)), types=self.types, owners=self.owners, to=self.to
        )


class Notify(Section):
    """Which findings are told to whom."""

    base_url: BaseUrl | None = Field(default=None, description="Where people reach the web pages: messages link to them.")
    routes: tuple[RouteSection, ...] = Field(
        default=(), description="A finding goes to the notifiers of every route that it matches; none: from warnings on to all."
    )
    owner_tag: str = Field(default="owner", min_length=1, max_length=128, description="The tag that says whose a resource is.")
    storm_after: int = Field(default=20, ge=1, le=1000, description="More findings than this at once are told in one summary.")

    def routing(self, notifiers: tuple[str, ...]) -> Routing:
        """The routing among the configured notifiers."""
        routes = tuple(item.route for item in self.routes) or ((Route(to=notifiers),) if notifiers else ())
        return Routing(
            notifiers=notifiers, routes=routes, owner_tag=self.owner_tag, storm_after=self.storm_after, base_url=self.base_url or ""
        )
