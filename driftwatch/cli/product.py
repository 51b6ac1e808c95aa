"""The product listener beside a daemon: where it is, and how the person who started it gets in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from driftwatch.api.entrance import FIRST, Entrance
from driftwatch.api.first_link import FirstLink, offered, refused
from driftwatch.api.server import ProductListener
from driftwatch.cli.context import os_user
from driftwatch.wiring import Wired


@contextmanager
def beside(listener: ProductListener, link: FirstLink, loaded: Callable[[], Wired]) -> Iterator[None]:
    """Serves within it; tells on standard error where, and the first-run link where that is for this installation."""
    with listener:
        typer.echo(f"API on {listener.url}/", err=True)
        wired = loaded()
        if offered(wired):
            told = refused(wired, os_user()) or f"sign in, once and within 15 minutes: {listener.url}{FIRST}?code={link.code()}"
            typer.echo(told, err=True)
        yield


def opened(loaded: Callable[[], Wired]) -> tuple[ProductListener, FirstLink] | None:
    """The listener with its address taken, and the link that it takes; None where it is switched off. Raises DriftwatchError."""
    wired = loaded()
    wired.client_secret()
    if not wired.config.product.enabled:
        return None
    link = FirstLink(os_user())
    return ProductListener(wired.config.product, loaded, Entrance(first=link)), link
