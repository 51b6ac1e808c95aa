"""Signing in and out in a browser, and writes that do not come from a page of ours."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from driftwatch.api.entrance import FIRST
from tests.browser.visits import Site
from tests.world import ANA


def test_the_first_link_signs_in_once_and_the_session_ends_with_signing_out(site: Site) -> None:
    page = site.page()
    page.goto(f"{site.url}{FIRST}?code={site.link.code()}")
    assert page.context.cookies() == [], "to look at the link uses nothing up"
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.url}/")
    assert page.locator("form.me").inner_text().startswith("ben")
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    page.goto(f"{site.url}/findings")
    page.get_by_role("button", name="Sign out").click()
    assert page.context.cookies() == []
    page.go_back()
    page.wait_for_load_state("load")
    assert page.locator("table").count() == 0, "nothing is kept for whoever comes next"
    page.context.add_cookies([{"name": cookie["name"], "value": cookie["value"], "url": site.url}])
    page.goto(f"{site.url}/findings")
    assert "/sign-in" in page.url, "the session is over on the other side, too"


def test_who_is_not_signed_in_sees_nothing_of_a_finding_but_how_to_sign_in(site: Site) -> None:
    page = site.page()
    page.goto(site.url + site.paths()["finding"])
    assert "/sign-in?next=%2Ffindings" in page.url
    assert "link" in page.locator("main").inner_text()
    assert "unauthorized" not in page.content()


def test_a_form_on_anothers_page_changes_nothing(site: Site) -> None:
    path = site.paths()["finding"]
    body = f'<form method="post" action="{site.url}{path}/acknowledge"><button>free coffee</button></form>'.encode()

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        page = site.page(ANA)
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        with page.expect_response(f"**{path}/acknowledge") as refused:
            page.get_by_role("button").click()
        assert refused.value.status in (401, 403)
    finally:
        server.shutdown()
        server.server_close()
    assert all(finding.handling.acknowledged_at is None for finding in site.world.live())
    site.expect("401", "403", f"asked http://127.0.0.1:{server.server_port}/")


def test_a_form_of_a_page_that_became_stale_says_so_and_two_clicks_are_one_act(site: Site) -> None:
    path = site.paths()["finding"]
    old, new = site.page(ANA), site.page(ANA)
    for page in (old, new):
        page.goto(site.url + path)
    new.get_by_role("button", name="You deal with it").dblclick()
    new.wait_for_load_state("load")
    with old.expect_response(f"**{path}/acknowledge") as refused:
        old.get_by_role("button", name="You deal with it").click()
    assert refused.value.status == 412
    assert "no longer what this page showed" in old.locator("main").inner_text()
    with site.world.store.read() as uow:
        told = [entry.type for entry in uow.ledger.entries()]
    assert told.count("finding_acknowledged") == 1
    site.expect("412")
