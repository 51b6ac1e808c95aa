"""The baselines, and one of them: what is approved, by whom, what waits, and its versions."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from driftwatch.api import site
from driftwatch.api import versions as access
from driftwatch.api.acts import Act, Field
from driftwatch.api.asking import Asking
from driftwatch.api.forms import Form, Posted
from driftwatch.api.guard import Caller
from driftwatch.api.paging import cursor_of, parts_of
from driftwatch.api.problems import Problem
from driftwatch.api.routing import PageRoutes
from driftwatch.domain.access import Permission
from driftwatch.domain.baseline import BaselineVersion
from driftwatch.errors import NotFoundError
from driftwatch.operations import baseline_views, baselines, describe, requests, scan_views
from driftwatch.operations.baseline_views import Head
from driftwatch.operations.baselines import LeftOut

routes: Final = PageRoutes()
ON_A_PAGE: Final = 50
_REFRESH: Final = (
    "Asks the daemon for a fresh proposal: from the baseline's files where they are its source, else from the last complete readings. "
    "Nothing is approved by that."
)
_CAPTURE: Final = "Takes what the last complete readings saw as a new version, now. Nothing is approved by that."


@routes.read("/baselines")
def every(request: Request, caller: Asking) -> Response:
    """The baselines that the configuration names."""
    shown = [_head(item) for item in baseline_views.heads(caller.installation) if access.may(caller, Permission.READ, item.pattern.name)]
    return site.page(request, "baselines.html", caller=caller, baselines=shown)


@routes.read("/baselines/{name}")
def show(request: Request, caller: Asking, name: str, after: str | None = None, asked: str = "") -> Response:
    """One baseline with its versions, the newest first; `asked` names a refresh whose state is shown."""
    place = parts_of(after, 1)
    found, following = baseline_views.page_of_heads(caller.installation, name, place[0] if place else None, ON_A_PAGE)
    known = name in access.configured(caller)
    if not (found or after or known) or not access.may(caller, Permission.READ, name):
        raise NotFoundError(f"no baseline is called {name}")
    head = next((_head(item) for item in baseline_views.heads(caller.installation) if item.pattern.name == name), None)
    return site.page(
        request,
        "baseline.html",
        caller=caller,
        name=name,
        head=head,
        versions=[_row(version) for version in found if access.may(caller, Permission.READ, name, version)],
        next=site.link(_path(name), {"after": cursor_of(following)}) if following else None,
        requests=_requests(caller, name, asked),
        acts=_acts(caller, name) if known else [],
        path=_path(name),
    )


@routes.write("/baselines/{name}/refresh", needs=Permission.OPERATE)
def refresh(caller: Asking, name: str, form: Posted) -> Response:
    """Ask the daemon for a fresh proposal; the page shows how far that is."""
    access.require(caller, Permission.OPERATE, name, "baseline_refresh")
    form.done()
    asked = requests.ask_refresh(caller.installation, name, caller.actor)
    return RedirectResponse(site.link(_path(name), {"asked": asked.id}), HTTPStatus.SEE_OTHER)


@routes.write("/baselines/{name}/capture", needs=Permission.OPERATE)
def capture(caller: Asking, name: str, form: Posted) -> Response:
    """Capture what was last read as a new version."""
    access.require(caller, Permission.OPERATE, name, "baseline_capture")
    note, left_out = form.text("note", required=False), _left_out(form)
    at_once = form.text("propose", required=False) == "yes"
    form.done()
    version = baselines.capture(caller.installation, name, caller.actor, left_out, note)
    if at_once:
        baselines.propose(caller.installation, version.id, caller.actor)
    return RedirectResponse(f"/baselines/versions/{version.id}", HTTPStatus.SEE_OTHER)


def _left_out(form: Form) -> list[LeftOut]:
    patterns, reason = form.text("leave_out", required=False).split(), form.text("reason", required=False)
    if patterns and not reason:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "cells are left out for a reason; the form needs reason")
    return [LeftOut(pattern=pattern, reason=reason) for pattern in patterns]


def _path(name: str) -> str:
    return f"/baselines/{quote(name, safe='')}"


def _head(head: Head) -> dict[str, Any]:
    return {
        "name": head.pattern.name,
        "path": _path(head.pattern.name),
        "covers": [(word, list(globs)) for word, globs in _globs(head) if list(globs) != ["*"]],
        "active": _row(head.active) if head.active else None,
        "cells": head.cells,
        "resources": head.resources,
        "waiting": [_row(version) for version in head.waiting],
    }


def _globs(head: Head) -> tuple[tuple[str, tuple[str, ...]], ...]:
    pattern = head.pattern
    return (("accounts", pattern.accounts), ("regions", pattern.regions), ("types", pattern.types))


def _row(version: BaselineVersion) -> dict[str, Any]:
    """A version in one line, with since when it is what it is, as far as its approvals tell."""
    document: dict[str, Any] = describe.version_document(version)
    given = document["approvals"]
    return document | {"since": given[-1]["at"] if given else document["created_at"], "short": version.content_hash[:12]}


def _requests(caller: Caller, name: str, asked: str) -> list[dict[str, Any]]:
    """The refreshes that wait or run, and the one that somebody asked for just now."""
    found = {item.id: item for item in requests.waiting_refreshes(caller.installation, name)}
    if asked and asked not in found:
        try:
            one = requests.get(caller.installation, asked)
        except NotFoundError:
            return []
        found |= {one.id: one} if one.kind == requests.REFRESH and name in one.cells else {}
    return [scan_views.request_document(caller.installation, item) for item in found.values()]


def _acts(caller: Caller, name: str) -> list[Act]:
    if not access.may(caller, Permission.OPERATE, name):
        return []
    fields = (
        Field(name="note", label="Note", required=False),
        Field(name="leave_out", label="Cells to leave out", type="textarea", required=False, hint="each ACCOUNT/REGION/TYPE with * and ?"),
        Field(name="reason", label="Why they are left out", required=False, hint="they stay unbaselined"),
        Field(name="propose", label="Propose it for approval at once", type="checkbox", required=False),
    )
    return [Act(path="refresh", title="Refresh", text=_REFRESH), Act(path="capture", title="Capture", text=_CAPTURE, fields=fields)]
