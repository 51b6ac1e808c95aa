"""Visits of the site by people, each with a browser context of their own; whatever goes wrong in a page is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from driftwatch.api.first_link import FirstLink
from driftwatch.api.guard import COOKIE
from driftwatch.api.site import PAGES
from driftwatch.domain.baseline import Actor, BaselineState, Method
from driftwatch.operations import credentials, exceptions
from tests.unit.api.caller import Stage
from tests.world import World

HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "<svg onload=alert(1)>{{ 7 * 7 }}",
    "javascript:alert(1)//\u202egnp.exe",
)
LONG = "x" * 5000
CLEO = Actor(person="cleo", method=Method.OS_USER)
"""An administrator, who may open every page."""
WIDTHS = (360, 800, 1400)
_WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', event => console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI));
"""


@dataclass(kw_only=True)
class Site:
    """What went wrong: console errors and warnings, uncaught errors, dialogs, and requests to anybody else, of all pages."""

    browser: Browser
    world: World
    stage: Stage
    url: str
    link: FirstLink
    _troubles: list[str] = field(default_factory=list)
    _expected: set[str] = field(default_factory=set)
    _contexts: list[BrowserContext] = field(default_factory=list)

    def context(self, who: Actor | None = None, **more: Any) -> BrowserContext:
        """A browser of somebody's own, signed in as that person where one is given."""
        made = self.browser.new_context(**more)
        made.set_default_timeout(10_000)
        if who is not None:
            secret = credentials.sign_in(self.world.installation, who, timedelta(hours=9))
            made.add_cookies([{"name": COOKIE, "value": secret, "url": self.url}])
        self._contexts.append(made)
        return made

    def page(self, who: Actor | None = None, **more: Any) -> Page:
        return self.watched(self.context(who, **more).new_page())

    def watched(self, page: Page) -> Page:
        page.add_init_script(_WATCH)
        page.on("console", lambda said: self._note(f"{page.url}: {said.type}: {said.text}") if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._note(f"{page.url}: {error}"))
        page.on("dialog", lambda dialog: (self._note(f"{page.url}: dialog {dialog.message}"), dialog.dismiss())[0])
        page.on("request", lambda asked: None if asked.url.startswith(self.url) else self._note(f"{page.url} asked {asked.url}"))
        return page

    def expect(self, *about: str) -> None:
        """Troubles that the test means to have: those in which one of these texts stands. Some come late."""
        self._expected |= set(about)

    def troubles(self) -> list[str]:
        return [trouble for trouble in self._troubles if not any(text in trouble for text in self._expected)]

    def paths(self) -> dict[str, str]:
        """Every page, those of single things included."""
        finding = next(item for item in self.world.live() if item.drift.label == "one")
        (excused,) = exceptions.listed(self.world.installation)
        with self.world.store.read() as uow:
            versions = uow.baselines.page("production", (BaselineState.PROPOSED,), None, 1)
        single = {
            "finding": f"/findings/{finding.id}",
            "change": "/changes/REG-1",
            "unobserved": "/changes/unobserved",
            "exceptions": "/exceptions",
            "exception": f"/exceptions/{excused.id}",
            "baseline": "/baselines/production",
            "version": f"/baselines/versions/{versions[0].id}",
            "missing": "/findings/finding-nowhere",
        }
        return {name.lower(): path for path, name in PAGES} | single

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _note(self, trouble: str) -> None:
        self._troubles.append(trouble)
