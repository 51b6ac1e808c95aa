"""/baselines: the approved states, what differs from them, and the acts that lead from a capture to an active version."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import Path, Query, Request, Response

from driftwatch.api import versions as access
from driftwatch.api.answers import answer, seen, tagged
from driftwatch.api.asking import Asking
from driftwatch.api.paging import CursorQuery, LimitQuery, cursor_of, parts_of
from driftwatch.api.repeats import Repeatable
from driftwatch.api.routing import Routes
from driftwatch.api.schemas import baselines as schemas
from driftwatch.api.schemas.base import Because, Nothing
from driftwatch.domain.access import Permission
from driftwatch.domain.baseline import BaselineVersion
from driftwatch.domain.canonical import utc_text
from driftwatch.errors import NotFoundError
from driftwatch.operations import approvals, baseline_views, baselines, describe, describe_baselines, requests

routes: Final = Routes("baselines")

_VERSION: Final = "^baseline-[0-9a-z]+$"
BaselineName = Annotated[str, Path(max_length=200, pattern=r"^\S+$", description="The baseline's name in the configuration.")]
VersionId = Annotated[str, Path(max_length=80, pattern=_VERSION, description="A version's id.")]
OtherId = Annotated[str, Query(max_length=80, pattern=_VERSION)]


@routes.read("/baselines", schemas.BaselineList)
def every(request: Request, caller: Asking) -> Response:
    """The baselines that the configuration names, each with its active version and its proposals."""
    readable = [item for item in baseline_views.named(caller.installation) if access.may(caller, Permission.READ, item.pattern.name)]
    return tagged(request, {"baselines": [describe_baselines.baseline_document(item) for item in readable]})


@routes.read("/baselines/{name}/versions", schemas.VersionPage)
def versions(request: Request, caller: Asking, name: BaselineName, cursor: CursorQuery = None, limit: LimitQuery = 50) -> Response:
    """The versions of a baseline, the newest first, a page at a time."""
    after = parts_of(cursor, 1)
    found, following = baseline_views.page(caller.installation, name, after[0] if after else None, limit)
    if not (found or cursor or name in access.configured(caller)) or not access.may(caller, Permission.READ, name):
        raise NotFoundError(f"no baseline is called {name}")
    documents = [describe.version_document(version) for version in found if access.may(caller, Permission.READ, name, version)]
    return tagged(request, {"versions": documents, "next": cursor_of(following) if following else None})


@routes.write("/baselines/{name}/capture", schemas.VersionOf, needs=Permission.OPERATE, status=201)
def capture(caller: Asking, name: BaselineName, body: schemas.CaptureBaseline, repeat: Repeatable) -> Response:
    """Capture what the last complete readings saw, as a new version; nothing is approved by that."""
    access.require(caller, Permission.OPERATE, name, "baseline_capture")
    left_out = [baselines.LeftOut(pattern=item.pattern, reason=item.reason) for item in body.left_out]
    with repeat:
        version = baselines.capture(caller.installation, name, caller.actor, left_out, body.note)
        if body.propose:
            version = baselines.propose(caller.installation, version.id, caller.actor)
        return repeat.keep(_answer(version, status=HTTPStatus.CREATED, Location=f"/api/v1/baselines/versions/{version.id}"))


@routes.write("/baselines/{name}/refresh", schemas.RefreshOf, needs=Permission.OPERATE, status=202)
def refresh(caller: Asking, name: BaselineName, body: Nothing, repeat: Repeatable) -> Response:  # noqa: ARG001 - that it is empty is checked
    """Ask the daemon for a fresh proposal: from the files where they are the baseline's source, else from the last readings."""
    access.require(caller, Permission.OPERATE, name, "baseline_refresh")
    installation, actor = caller.installation, caller.actor
    with repeat:
        asked = requests.ask_refresh(installation, name, actor)
        alive = requests.daemon_is_alive(installation)
        expires = utc_text(asked.created_at + requests.EXPIRES)
        document = {
            "request": asked.id,
            "baseline": name,
            "daemon": alive,
            "expires": expires,
            "note": "the daemon will do it" if alive else f"no daemon runs now: the request waits for one until {expires}",
        }
        return repeat.keep(answer(document, status=HTTPStatus.ACCEPTED, headers={"Location": f"/api/v1/requests/{asked.id}"}))


@routes.read("/baselines/versions/{version_id}", schemas.WholeVersion)
def show(caller: Asking, version_id: VersionId) -> Response:
    """One version with what it says of each cell; its ETag is the content hash, which an approval names."""
    version = access.version_for(caller, version_id)
    _, cells = baseline_views.show(caller.installation, version.id)
    readable = access.reader(caller)
    shown = {cell: part for cell, part in cells.items() if readable(cell)}
    return answer(describe_baselines.whole_version_document(version, shown), headers={"ETag": f'"{version.content_hash}"'})


@routes.read("/baselines/versions/{version_id}/diff", schemas.DiffPage)
def diff(
    request: Request,
    caller: Asking,
    version_id: VersionId,
    against: Annotated[OtherId | Literal["world"], Query(description="Another version, or the world as last read.")] = "world",
    cursor: CursorQuery = None,
    limit: LimitQuery = 50,
) -> Response:
    """What the world, or another version, changes against a version, resource by resource, a page at a time."""
    version = access.version_for(caller, version_id)
    other = None if against == "world" else access.version_for(caller, against).id
    found, following = baseline_views.page_of_differences(
        caller.installation, version.id, other, after=access.place(cursor), limit=limit, shown=access.reader(caller)
    )
    documents = [describe_baselines.resource_diff_document(item) for item in found]
    return tagged(request, {"resources": documents, "next": access.place_cursor(*following) if following else None})


@routes.write("/baselines/versions/{version_id}/propose", schemas.VersionOf, needs=Permission.OPERATE)
def propose(caller: Asking, version_id: VersionId, body: Nothing, repeat: Repeatable) -> Response:  # noqa: ARG001
    """Put a captured version up for approval by somebody else."""
    version = access.version_for(caller, version_id, Permission.OPERATE, "baseline_propose")
    with repeat:
        return repeat.keep(_answer(baselines.propose(caller.installation, version.id, caller.actor)))


@routes.write("/baselines/versions/{version_id}/approve", schemas.ApprovedOf, needs=Permission.APPROVE, conditional=True)
def approve(request: Request, caller: Asking, version_id: VersionId, body: schemas.ApproveVersion, repeat: Repeatable) -> Response:
    """Approve a proposal by its content hash; when R13 is satisfied it becomes active at once. Nobody approves their own."""
    version = access.version_for(caller, version_id, Permission.APPROVE, "baseline_approve")
    with repeat:
        tag = seen(request, version.content_hash)
        done = approvals.approve(caller.installation, version.id, caller.actor, seen_hash=tag, accept_risk=body.accept_risk)
        return repeat.keep(answer(describe_baselines.approved_document(done), headers={"ETag": f'"{version.content_hash}"'}))


@routes.write("/baselines/versions/{version_id}/reject", schemas.VersionOf, needs=Permission.APPROVE)
def reject(caller: Asking, version_id: VersionId, body: Because, repeat: Repeatable) -> Response:
    """Reject a proposal; your own is withdrawn by that."""
    version = access.version_for(caller, version_id, Permission.APPROVE, "baseline_reject")
    with repeat:
        return repeat.keep(_answer(approvals.reject(caller.installation, version.id, caller.actor, body.reason)))


def _answer(version: BaselineVersion, *, status: int = HTTPStatus.OK, **headers: str) -> Response:
    return answer(describe.version_document(version), status=status, headers={"ETag": f'"{version.content_hash}"', **headers})
