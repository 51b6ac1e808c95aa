"""The pages in a real browser, over a world whose names, values and records are hostile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from driftwatch.api.app import protected
from driftwatch.api.entrance import Entrance
from driftwatch.api.first_link import FirstLink
from driftwatch.api.server import Listener
from driftwatch.change_sources.register import RegisterSource
from driftwatch.documents.drafts import draft
from driftwatch.operations import baselines, exceptions, register
from tests.browser.visits import HOSTILE, LONG, Site
from tests.deploy.tools import found
from tests.unit.api.caller import Stage
from tests.world import ACCOUNT, ANA, GROUPS, World, settled_world

FLAGS = (
    "no-sandbox",
    "disable-gpu",
    "disable-dev-shm-usage",
    "disable-quic",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
)
"""It may run as root in a container, and shall ask nobody but us."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each module: while it is open an event loop runs in this thread, which tests elsewhere may not have."""
    where = found("chromium", "chromium-browser")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=where, args=[f"--{flag}" for flag in FLAGS])
        yield made
        made.close()


def hostile_world() -> World:
    """Findings, a change record, a proposal and an exception, all of whose texts try to be more than text."""
    world = settled_world(register="register")
    world.change(sources=[RegisterSource("register", world.store), world.source])
    world.put(GROUPS, "one", Size=2, Rules=["a", "b", *HOSTILE], Text=LONG, Tags={"owner": HOSTILE[0]})
    for number, text in enumerate((*HOSTILE, LONG[:300])):
        world.put(GROUPS, f"extra-{number}", Name=text, Size=number)
    world.scan()
    target = {"accounts": [ACCOUNT], "ids": ["one"], "attribute_paths": ["/Size"]}
    register.new(world.installation, draft({"id": "REG-1", "title": HOSTILE[0], "scope": [target]}, "test", world.now), ANA)
    register.request(world.installation, "REG-1", ANA)
    version = baselines.capture(world.installation, "production", ANA, note=HOSTILE[1])
    baselines.propose(world.installation, version.id, ANA)
    excused = next(item for item in world.live() if item.drift.label == HOSTILE[0])
    exceptions.request(world.installation, excused.id, ANA, until=world.now.replace(year=2027), reason=HOSTILE[2])
    return world


@pytest.fixture
def site(browser: Browser) -> Iterator[Site]:
    """A listener of its own with the hostile world. At the end nothing may have gone wrong in any page that was opened."""
    world = hostile_world()
    stage = Stage(world, own=True)
    link = FirstLink("ben")
    listener = Listener(protected(stage.wired, Entrance(first=link)), "127.0.0.1", 0)
    with listener:
        made = Site(browser=browser, world=world, stage=stage, url=listener.url, link=link)
        yield made
        made.close()
    assert made.troubles() == []
