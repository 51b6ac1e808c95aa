"""The whole way, as two people go it: from an alert's link to a state that is approved, and a finding that is over."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.visits import Site
from tests.world import ANA, BEN, GROUPS


def press(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()
    page.wait_for_load_state("load")


def facts(page: Page) -> str:
    return page.locator("p.facts").inner_text()


@pytest.mark.slow
def test_from_an_alert_to_an_approved_baseline(site: Site) -> None:
    site.world.put(GROUPS, "two", Size=9, Rules=["a", "b"])
    site.world.scan()
    found = next(item for item in site.world.live() if item.drift.label == "two")
    link = f"{site.url}/findings/{found.id}"
    ana, ben = site.page(ANA), site.page(BEN)

    ana.goto(link)
    assert "unauthorized" in facts(ana)
    ana.get_by_label("Where it is dealt with").fill("INC-7")
    press(ana, "You deal with it")
    press(ana, "Draft a change record from this")
    record = ana.url
    assert "draft" in facts(ana)
    press(ana, "Put it up for approval")
    assert ana.get_by_role("button", name="Approve it", exact=True).count() == 0
    assert "You cannot approve" in ana.locator("main").inner_text()

    ben.goto(site.url)
    ben.locator(f'main a[href="{record.removeprefix(site.url)}"]').click()
    press(ben, "Approve it")
    ben.goto(link)
    ben.get_by_label("Change record").fill(record.rpartition("/")[2])
    press(ben, "Agree afterwards")
    assert "ratified" in facts(ben)

    ana.goto(f"{site.url}/baselines/production")
    ana.get_by_label("Propose it for approval at once").check()
    press(ana, "Capture")
    version = ana.url
    assert "/baselines/versions/" in version
    assert ana.get_by_role("button", name="Approve", exact=True).count() == 0

    ben.goto(version)
    assert "/Size" in ben.locator("main").inner_text(), "what it would change is there to be read"
    for risk in ben.locator('input[name^="risk."]').all():
        risk.fill("looked at, and it may stay")
    press(ben, "Approve")
    assert "active" in facts(ben)

    site.world.scan()
    ana.goto(link)
    assert "baselined" in facts(ana) or "closed" in facts(ana)
    assert [item.drift.label for item in site.world.live() if item.cell == GROUPS] == []
