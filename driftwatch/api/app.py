"""The application: every route behind the guard, every error a problem document."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final, cast

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from driftwatch import __version__, plugins
from driftwatch.api import document, oidc, problems, site, static_files
from driftwatch.api import entrance as doors
from driftwatch.api.document import Documented
from driftwatch.api.entrance import Entrance
from driftwatch.api.guard import Surroundings, surroundings
from driftwatch.api.headers import Protected
from driftwatch.api.problems import Problem
from driftwatch.api.repeats import AnsweredBefore
from driftwatch.wiring import Wired

PREFIX: Final = "/api/v1"


def application(loaded: Callable[[], Wired], around: Surroundings | None = None, entrance: Entrance | None = None) -> FastAPI:
    """The API over the configuration that `loaded` gives at the moment of each request."""
    app = Documented(
        title="driftwatch",
        version=__version__,
        summary="What was found, who may have allowed it, and what was decided.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.around = around or surroundings(loaded)
    app.state.entrance = entrance or Entrance()
    problems.install(app, _shown)
    app.add_exception_handler(AnsweredBefore, lambda _request, known: cast(AnsweredBefore, known).response)
    for name in plugins.words("driftwatch.api.routes"):
        app.include_router(plugins.load("driftwatch.api.routes", name).routes.router, prefix=PREFIX)
    app.include_router(document.routes.router, prefix=PREFIX)
    app.include_router(doors.router)
    app.include_router(oidc.router)
    for name in plugins.words("driftwatch.api.pages"):
        app.include_router(plugins.load("driftwatch.api.pages", name).routes.router)
    app.include_router(static_files.router)
    return app


def _shown(request: Request, problem: Problem) -> Response:
    """A problem as its reader wants it: a document for programs, a page for people, who are sent to sign in where nobody is known."""
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return problem.response()
    if problem.status is HTTPStatus.UNAUTHORIZED and request.method == "GET":
        return RedirectResponse(site.link("/sign-in", {"next": request.url.path}), HTTPStatus.SEE_OTHER)
    return site.page(request, "error.html", status=problem.status, caller=None, problem=problem.document())


def protected(loaded: Callable[[], Wired], entrance: Entrance | None = None) -> Protected:
    """The application as it is served."""
    return Protected(application(loaded, entrance=entrance), secure=loaded().config.product.secure)
