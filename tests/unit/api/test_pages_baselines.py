"""The pages of baselines: what is approved and by whom, what a version changes, and acts bound to the content that was seen."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.domain.authorization.policy import Mode
from driftwatch.domain.baseline import Actor, BaselineState, BaselineVersion, Method
from driftwatch.operations import approvals, baseline_views, baselines, requests
from driftwatch.operations.baselines import LeftOut
from tests.unit.api.caller import Stage
from tests.unit.api.pages import HOSTILE, HTML, OURS, assert_sound, page, signed_in
from tests.world import ACCOUNT, ANA, BEN, GROUPS, World, settled_world

CLEO = Actor(person="cleo", method=Method.OS_USER)
OTHER = "222222222222"


@pytest.fixture
def world() -> World:
    made = settled_world()
    made.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    made.put(GROUPS, "three", Size=1)
    made.scan()
    return made


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def captured(world: World, *, note: str = "", propose: bool = True) -> BaselineVersion:
    version = baselines.capture(world.installation, "production", ANA, note=note)
    return baselines.propose(world.installation, version.id, ANA) if propose else version


def state_of(world: World, version: str) -> BaselineState:
    found = baseline_views.version(world.installation, version)
    assert found
    return found.state


def active(world: World) -> str:
    (head,) = baseline_views.heads(world.installation)
    assert head.active
    return head.active.id


def shown(stage: Stage, who: Actor, path: str) -> str:
    answer = page(signed_in(stage, who), path)
    assert answer.status_code == 200, answer.text
    assert_sound(answer.text)
    return str(answer.text)


def hidden(text: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', text))


def risks(text: str, reason: str = "looked at") -> dict[str, str]:
    return dict.fromkeys(re.findall(r'name="(risk\.[^"]+)"', text), reason)


def post(stage: Stage, who: Actor, path: str, **fields: str) -> Any:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}  # browsers say so of an empty form, too
    return signed_in(stage, who).client.post(path, data=fields, headers=HTML | OURS | kind, follow_redirects=False)


def test_the_list_says_what_is_approved_by_whom_and_what_waits(stage: Stage, world: World) -> None:
    new = captured(world)
    text = shown(stage, BEN, "/baselines")
    assert f'href="/baselines/versions/{active(world)}"' in text
    assert "4 resources" in text
    assert "in 2 cells" in text
    assert f'href="/baselines/versions/{new.id}"' in text
    assert "by ana" in text


def test_before_anything_is_approved_the_pages_say_so() -> None:
    stage = Stage(World())
    assert "nothing is approved yet" in shown(stage, ANA, "/baselines")
    assert "Nothing is approved yet" in shown(stage, ANA, "/baselines/production")
    assert page(stage, "/baselines/staging").status_code == 404
    assert page(stage, "/baselines/versions/baseline-0").status_code == 404


def test_a_version_shows_each_attribute_before_and_after(stage: Stage, world: World) -> None:
    text = shown(stage, BEN, f"/baselines/versions/{captured(world).id}")
    row = re.search(r'<th scope="row"><code>/Size</code></th>(.*?)</tr>', text, re.DOTALL)
    assert row
    assert "<code>1</code>" in row[1]
    assert "<code>2</code>" in row[1]
    assert "the whole resource" in text
    assert "two" not in re.findall(r"<strong>([^<]*)</strong>", text), "what did not change is not shown"
    world.put(GROUPS, "one", Size=7, Rules=["a", "b"])
    world.scan()
    later = shown(stage, BEN, f"/baselines/versions/{captured(world).id}?against=world")
    assert "No resource differs." in later
    assert page(stage, f"/baselines/versions/{active(world)}?against=moon").status_code == 422


def test_the_first_version_shows_everything_as_new(stage: Stage, world: World) -> None:
    text = shown(stage, BEN, f"/baselines/versions/{active(world)}")
    assert text.count('<tr class="of">') == 4
    assert "the first of its name" in text


def test_many_resources_come_in_pages_each_once_and_long_values_are_cut(stage: Stage, world: World) -> None:
    for number in range(45):
        world.put(GROUPS, f"sg-{number:02}", Text=f"{'x' * 9000}")
    world.scan()
    path: str | None = f"/baselines/versions/{captured(world).id}"
    seen: list[str] = []
    while path:
        text = shown(stage, BEN, path)
        assert len(text) < 300_000
        seen += re.findall(r'<tr class="of"><th[^>]*><strong>([^<]+)</strong>', text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        path = following[1].replace("&amp;", "&") if following else None
    assert len(seen) == len(set(seen)) == 47
    assert "more characters" in text


def test_whoever_proposed_it_reads_why_there_is_no_form(stage: Stage, world: World) -> None:
    new = captured(world)
    text = shown(stage, ANA, f"/baselines/versions/{new.id}")
    assert "You proposed it: somebody else has to approve it." in text
    assert f"{new.id}/approve" not in text
    answer = post(stage, ANA, f"/baselines/versions/{new.id}/approve", seen=new.content_hash)
    assert answer.status_code == 403
    mine = baselines.propose(world.installation, baselines.capture(world.installation, "production", CLEO).id, CLEO)
    text = shown(stage, CLEO, f"/baselines/versions/{mine.id}")
    assert "You proposed it" in text
    assert f"{mine.id}/approve" not in text, "an admin neither"
    refused = post(stage, CLEO, f"/baselines/versions/{mine.id}/approve", seen=mine.content_hash)
    assert refused.status_code == 403
    assert "nobody approves their own" in refused.text


def test_an_approval_is_bound_to_the_content_that_its_page_showed(stage: Stage, world: World) -> None:
    new = captured(world)
    path = f"/baselines/versions/{new.id}"
    text = shown(stage, BEN, path)
    assert hidden(text)["seen"] == new.content_hash
    assert len(risks(text)) == 2
    for wrong in ("0" * 64, new.content_hash[:12]):
        answer = post(stage, BEN, f"{path}/approve", seen=wrong, **risks(text))
        assert (answer.status_code, answer.headers["content-type"][:9]) == (412, "text/html")
    assert post(stage, BEN, f"{path}/approve", **risks(text)).status_code == 422
    assert state_of(world, new.id) is BaselineState.PROPOSED
    done = post(stage, BEN, f"{path}/approve", seen=new.content_hash, **risks(text))
    assert (done.status_code, done.headers["location"]) == (303, path)
    assert active(world) == new.id
    again = post(stage, CLEO, f"{path}/approve", seen=new.content_hash)
    assert again.status_code == 412
    approved = shown(stage, CLEO, path)
    assert "<strong>ben</strong> approved this content" in approved
    assert "assurance" in approved
    assert "risk accepted by ben" in approved


def test_an_approval_that_does_not_suffice_says_what_is_missing(stage: Stage, world: World) -> None:
    policy = world.installation.policy
    two = replace(policy.baseline, min_count=2)
    world.change(policy=replace(policy, baseline=two, rules={**policy.rules, "R13": Mode.ENFORCE}))
    new = captured(world)
    path = f"/baselines/versions/{new.id}"
    text = shown(stage, BEN, path)
    assert "Even with your approval it would wait:" in text
    assert post(stage, BEN, f"{path}/approve", seen=new.content_hash, **risks(text)).status_code == 303
    assert state_of(world, new.id) is BaselineState.PROPOSED
    waits = shown(stage, BEN, path)
    assert "You approved this content. It waits for more:" in waits
    assert f"{path}/approve" not in waits
    assert "Even with your approval" not in shown(stage, CLEO, path)
    assert post(stage, CLEO, f"{path}/approve", seen=new.content_hash).status_code == 303
    assert active(world) == new.id


def test_what_another_version_overtook_is_not_offered(stage: Stage, world: World) -> None:
    old = captured(world)
    newer = captured(world, note="newer")
    given = dict.fromkeys((item.drift for item in newer.included), "looked at")
    approvals.approve(world.installation, newer.id, BEN, seen_hash=newer.content_hash, accept_risk=given)
    text = shown(stage, BEN, f"/baselines/versions/{old.id}")
    assert "it cannot become active any more" in text
    assert f"{old.id}/approve" not in text
    assert "No resource differs." in shown(stage, BEN, f"/baselines/versions/{old.id}?against=active")


def test_a_version_is_captured_proposed_and_taken_back_by_forms(stage: Stage, world: World) -> None:
    path = "/baselines/production"
    assert f'action="{path}/capture"' in shown(stage, BEN, path)
    fields = {"note": "by form", "leave_out": "*/*/AWS::S3::Bucket", "reason": "", "propose": ""}
    assert post(stage, BEN, f"{path}/capture", **fields).status_code == 422, "left out for no reason"
    made = post(stage, BEN, f"{path}/capture", **{**fields, "reason": "not ours"})
    assert made.status_code == 303
    version = made.headers["location"]
    text = shown(stage, BEN, version)
    assert "not ours" in text
    assert "by form" in text
    seen = hidden(text)["seen"]
    assert post(stage, BEN, f"{version}/propose", seen=seen).status_code == 303
    assert post(stage, BEN, f"{version}/propose", seen=seen).status_code == 412
    assert "<h3>Withdraw</h3>" in shown(stage, BEN, version)
    assert post(stage, BEN, f"{version}/reject", seen=seen).status_code == 422, "without a reason"
    assert post(stage, BEN, f"{version}/reject", seen=seen, reason="a mistake").status_code == 303
    assert state_of(world, version.rpartition("/")[2]) is BaselineState.WITHDRAWN
    assert "Nothing waits for you here." in shown(stage, BEN, version)
    assert post(stage, BEN, f"{path}/capture", note="", propose="yes", more="x").status_code == 422


def test_a_refresh_is_asked_of_the_daemon_and_its_state_shown(stage: Stage, world: World) -> None:
    done = post(stage, ANA, "/baselines/production/refresh")
    assert done.status_code == 303
    (asked,) = requests.waiting_refreshes(world.installation, "production")
    assert (asked.person, done.headers["location"]) == ("ana", f"/baselines/production?asked={asked.id}")
    text = shown(stage, BEN, "/baselines/production")
    assert "ana asked for a refresh" in text
    assert "No daemon runs now" in text
    part = f"/live/requests/{asked.id}"
    tag = page(stage, part).headers["hx-ptag"]
    assert stage.client.get(part, headers={"HX-PTag": tag}).status_code == 304
    taken = requests.next_pending(world.installation)
    assert taken
    requests.failed(world.installation, taken, "a cell is <not> read")
    ended = page(stage, part).text
    assert "a cell is &lt;not&gt; read" in ended
    assert "hx-get" not in ended
    assert "a cell is" in shown(stage, ANA, done.headers["location"])
    assert "a cell is" not in shown(stage, ANA, "/baselines/production?asked=request-0")
    assert post(stage, ANA, "/baselines/staging/refresh").status_code == 404


def test_a_refresh_that_is_done_leads_to_its_version(stage: Stage, world: World) -> None:
    asked = requests.ask_refresh(world.installation, "production", ANA)
    taken = requests.next_pending(world.installation)
    assert taken
    requests.done(world.installation, taken, exit_code=0, result={"version": "baseline-9", "state": "proposed"})
    assert 'href="/baselines/versions/baseline-9"' in shown(stage, BEN, f"/baselines/production?asked={asked.id}")


def test_a_viewer_is_offered_nothing_and_may_nothing(world: World) -> None:
    stage, new = Stage(world, (Access(role=Role.VIEWER, to=("*",)),)), captured(world)
    for path in ("/baselines", "/baselines/production", f"/baselines/versions/{new.id}"):
        assert "<form method=" not in shown(stage, BEN, path).split("</header>")[1]
    assert "takes the role approver" in shown(stage, BEN, f"/baselines/versions/{new.id}")
    for path in ("production/refresh", "production/capture", *(f"versions/{new.id}/{act}" for act in ("propose", "approve", "reject"))):
        assert post(stage, BEN, f"/baselines/{path}", seen=new.content_hash).status_code == 403
    assert state_of(world, new.id) is BaselineState.PROPOSED


def test_a_baseline_of_accounts_that_one_may_not_read_does_not_exist(world: World) -> None:
    new = captured(world)
    world.change(accounts=[ACCOUNT, OTHER])
    stage = Stage(world, (Access(role=Role.ADMIN, to=("ben",), accounts=(OTHER,)),))
    assert "production" not in shown(stage, BEN, "/baselines")
    asked = requests.ask_refresh(world.installation, "production", ANA)
    for path in ("/baselines/production", f"/baselines/versions/{new.id}", f"/live/requests/{asked.id}"):
        assert page(stage, path).status_code == 404
    for path in ("production/refresh", "production/capture", f"versions/{new.id}/approve", f"versions/{new.id}/reject"):
        assert post(stage, BEN, f"/baselines/{path}", seen=new.content_hash, reason="x").status_code == 404
    assert state_of(world, new.id) is BaselineState.PROPOSED


def test_nothing_that_came_from_elsewhere_is_markup(stage: Stage, world: World) -> None:
    world.put(GROUPS, HOSTILE[0], **{text: text for text in HOSTILE})
    world.scan()
    new = baselines.capture(
        world.installation, "production", ANA, [LeftOut(pattern="*/*/AWS::S3::Bucket", reason="".join(HOSTILE))], "".join(HOSTILE)
    )
    text = shown(stage, BEN, f"/baselines/versions/{new.id}")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\\u202egnp.exe" in text
    shown(stage, BEN, "/baselines/production")
    shown(stage, BEN, "/baselines/production?asked=%3Cscript%3E")
    for path in ("/baselines/%3Cscript%3E", "/baselines/versions/%E2%80%AE", "/baselines/production?after=x"):
        answer = page(stage, path)
        assert answer.status_code in (400, 404)
        assert_sound(answer.text)
