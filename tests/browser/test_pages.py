"""Every page in a browser: at three widths, in light and dark, without JavaScript, by keyboard, on paper; nothing hostile ever runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.visits import CLEO, HOSTILE, LONG, WIDTHS, Site
from tests.world import ANA, GROUPS

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
SERIOUS = ("serious", "critical")


def visit(site: Site, page: Page, path: str) -> None:
    page.goto(site.url + path)
    page.wait_for_load_state("load")


def too_wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_and_runs_nothing_but_our_own(site: Site, width: int) -> None:
    page = site.page(CLEO, viewport={"width": width, "height": 900})
    for name, path in site.paths().items():
        visit(site, page, path)
        assert page.title() != "owned", name
        assert page.locator("h1").count() == 1, name
        assert page.locator("img, iframe, object").count() == 0, name
        assert page.evaluate("[...document.querySelectorAll('a')].every(link => link.protocol.startsWith('http'))"), name
        assert not too_wide(page), f"{name} at {width}"
    site.expect("404")  # the browser tells of the page that is not there


def test_what_is_hostile_is_shown_as_text(site: Site) -> None:
    page = site.page(CLEO)
    visit(site, page, site.paths()["finding"])
    shown = page.locator("main").inner_text()
    for text in HOSTILE:
        assert text.replace("\u202e", "\\u202e") in shown
    assert LONG in page.locator(".after pre").all_text_contents(), "one click away"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(site: Site, scheme: str) -> None:
    page = site.page(CLEO, color_scheme=scheme, bypass_csp=True)
    found: dict[str, list[str]] = {}
    for name, path in site.paths().items():
        visit(site, page, path)
        page.evaluate(AXE)
        violations = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(result => result.violations)")
        told = [f"{item['id']}: {item['nodes'][0]['html'][:200]}" for item in violations if item["impact"] in SERIOUS]
        found |= {name: told} if told else {}
    assert found == {}
    site.expect("404")


def test_axe_would_find_one(site: Site) -> None:
    page = site.page(CLEO, bypass_csp=True)
    visit(site, page, "/")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<input name=\"bare\">')")
    page.evaluate(AXE)
    violations = page.evaluate("axe.run(document).then(result => result.violations)")
    assert [item["id"] for item in violations if item["impact"] in SERIOUS] == ["label"]


def test_without_javascript_every_page_reads_and_forms_work(site: Site) -> None:
    page = site.page(ANA, java_script_enabled=False)
    for name, path in site.paths().items() - {("ledger", "/ledger")}:
        visit(site, page, path)
        assert page.locator("main").inner_text().strip(), name
    visit(site, page, site.paths()["finding"])
    page.get_by_label("Where it is dealt with").fill("TICKET-1")
    page.get_by_role("button", name="You deal with it").click()
    assert "acknowledged" in page.locator("p.facts").inner_text()
    site.expect("404")


def test_the_keyboard_reaches_the_content_the_menu_and_every_form(site: Site) -> None:
    page = site.page(ANA)
    visit(site, page, site.paths()["finding"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    visit(site, page, site.paths()["finding"])
    reached: list[str] = []
    hidden: list[str] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        tag, text, outline = page.evaluate(
            "[document.activeElement.tagName, document.activeElement.innerText || document.activeElement.name,"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        reached.append(f"{tag} {text}")
        if outline == "none" and tag != "BODY":
            hidden.append(f"{tag} {text}")
    for wanted in ("A Findings", "A Policy", "BUTTON Sign out", "INPUT ticket", "BUTTON You deal with it", "BUTTON Ask for an exception"):
        assert wanted in reached
    assert hidden == [], "what has the focus can be seen"


def test_on_paper_there_are_no_buttons_and_no_menu(site: Site) -> None:
    page = site.page(CLEO)
    for path in ("/ledger", site.paths()["finding"]):
        visit(site, page, path)
        assert page.locator("nav").first.is_visible()
        page.emulate_media(media="print")
        assert not page.locator("nav").first.is_visible()
        assert [button for button in page.get_by_role("button").all() if button.is_visible()] == []
        assert page.locator("h1").is_visible()
        page.emulate_media(media="screen")


@pytest.mark.slow
def test_the_overview_shows_a_new_finding_by_itself(site: Site) -> None:
    page = site.page(CLEO)
    visit(site, page, "/")
    before = page.locator("main").inner_text()
    site.world.put(GROUPS, "two", Size=7, Rules=["a", "b"])
    site.world.scan()
    page.wait_for_function("before => document.querySelector('main').innerText !== before", arg=before, timeout=15_000)
