"""The pages of findings: what the API says, as people read it; what is hostile stays text; forms act on what was seen."""

from __future__ import annotations

import re

import pytest

from driftwatch.domain.exception import ExceptionState
from driftwatch.domain.finding import FindingState
from driftwatch.operations import exceptions, findings
from tests.unit.api.caller import Stage
from tests.unit.api.pages import HOSTILE, HTML, OURS, Read, form, page, signed_in
from tests.world import ANA, BEN, GROUPS, World, settled_world


@pytest.fixture
def world() -> World:
    made = settled_world()
    made.put(GROUPS, "one", Size=2, Rules=["a", "b"], **{text: text for text in HOSTILE})
    made.scan()
    return made


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def the_one(stage: Stage) -> str:
    return findings.listed(stage.world.installation)[0].id


def seen_in(stage: Stage, id_: str) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]+)"', page(stage, f"/findings/{id_}").text)
    assert found
    return found[1]


def test_whoever_is_not_known_is_sent_to_sign_in_and_back(stage: Stage) -> None:
    answer = stage.client.get("/findings", headers=HTML, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Ffindings")
    assert stage.client.post("/findings/finding-1/acknowledge", data={}, headers=HTML | OURS).status_code == 401


def test_nothing_that_came_from_elsewhere_is_markup(stage: Stage) -> None:
    signed_in(stage, ANA)
    for path in ("/findings", f"/findings/{the_one(stage)}", "/findings?type=%3Cscript%3E", "/findings/%3Cscript%3Ealert(1)%3C/script%3E"):
        text = page(stage, path).text
        for tag, attributes in Read(text).tags:
            assert tag not in ("img", "style", "iframe", "object", "base")
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            assert tag != "script" or attributes["src"].startswith("/static/")
            assert not attributes.get("href", "/").startswith("javascript:")
        assert "\u202e" not in text
        assert "\x1b" not in text
        assert not re.findall(r">\s*49\s*<", text)
    shown = page(stage, f"/findings/{the_one(stage)}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "\\u202egnp.exe" in shown


def test_the_page_shows_each_attribute_with_its_verdict(stage: Stage) -> None:
    signed_in(stage, ANA)
    text = page(stage, f"/findings/{the_one(stage)}").text
    row = re.search(r'<tr class="unauthorized">\s*<th scope="row"><code>/Size</code></th>(.*?)</tr>', text, re.DOTALL)
    assert row
    assert "<code>1</code>" in row[1]
    assert "<code>2</code>" in row[1]


def test_pages_of_the_list_are_linked_and_keep_their_filters(stage: Stage) -> None:
    signed_in(stage, ANA)
    for number in range(60):
        stage.world.put(GROUPS, f"sg-{number}", Size=1)
    stage.world.scan()
    first = page(stage, "/findings?state=open&verdict=").text
    following = re.search(r'rel="next" href="(/findings\?[^"]+)"', first)
    assert following
    second = page(stage, following[1].replace("&amp;", "&")).text
    assert "state=open" in following[1]
    assert len(set(re.findall(r'href="/findings/(finding-[^"]+)"', first + second))) == 61
    assert 'rel="next"' not in second


def test_a_viewer_is_offered_nothing_to_do(world: World) -> None:
    from driftwatch.config.sections import Access
    from driftwatch.domain.access import Role

    stage = signed_in(Stage(world, (Access(role=Role.VIEWER, to=("*",)),)), ANA)
    assert "<form method=" not in page(stage, f"/findings/{the_one(stage)}").text.split("</header>")[1]
    seen = Stage(world).get(f"/findings/{the_one(stage)}").headers["etag"].strip('"')
    assert form(stage, f"/findings/{the_one(stage)}/acknowledge", seen=seen).status_code == 403


def test_acknowledging_goes_back_to_the_finding(stage: Stage) -> None:
    id_ = the_one(signed_in(stage, ANA))
    answer = form(stage, f"/findings/{id_}/acknowledge", seen=seen_in(stage, id_), ticket="OPS-7")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/findings/{id_}")
    kept = findings.case(stage.world.installation, id_).finding
    assert (kept.state, kept.handling.ticket) == (FindingState.ACKNOWLEDGED, "OPS-7")


def test_a_form_acts_only_on_what_its_page_showed(stage: Stage) -> None:
    id_ = the_one(signed_in(stage, ANA))
    seen = seen_in(stage, id_)
    findings.ack(stage.world.installation, id_, BEN)
    answer = form(stage, f"/findings/{id_}/except", seen=seen, until="2026-03-20", reason="soon")
    assert answer.status_code == 412
    assert not exceptions.listed(stage.world.installation)
    done = form(stage, f"/findings/{id_}/except", seen=seen_in(stage, id_), until="2026-03-20", reason="soon")
    assert done.status_code == 303
    assert [item.state for item in exceptions.listed(stage.world.installation)] == [ExceptionState.REQUESTED]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 422),
        ({"until": "2026-03-20"}, 422),
        ({"until": "soon", "reason": "x"}, 400),
        ({"until": "2026-03-20", "reason": "x", "state": "excepted"}, 422),
        ({"until": "1999-03-20", "reason": "x"}, 403),
    ],
)
def test_a_form_that_is_wrong_is_refused_with_a_page_and_changes_nothing(stage: Stage, fields: dict[str, str], status: int) -> None:
    id_ = the_one(signed_in(stage, ANA))
    answer = form(stage, f"/findings/{id_}/except", seen=seen_in(stage, id_), **fields)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert not exceptions.listed(stage.world.installation)


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://testserver.evil.example"}]
)
def test_a_write_from_another_site_is_refused(stage: Stage, headers: dict[str, str]) -> None:
    id_ = the_one(signed_in(stage, ANA))
    seen = seen_in(stage, id_)
    answer = stage.client.post(f"/findings/{id_}/acknowledge", data={"seen": seen}, headers=HTML | headers)
    assert answer.status_code == 403
    assert findings.case(stage.world.installation, id_).finding.state is FindingState.OPEN


def test_static_files_are_those_that_pages_name_and_nothing_else(stage: Stage) -> None:
    text = page(signed_in(stage, ANA), "/findings").text
    names = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    assert len(names) == 4
    for name in names:
        answer = stage.client.get(name)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    for name in ("app.py", "..%2fapp.py", "%2e%2e/app.py", "htmx.LICENSE", ""):
        assert stage.client.get(f"/static/{name}").status_code == 404
