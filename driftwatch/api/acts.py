"""Acts: what a page offers its reader to do now, each a form that says what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import Response
from fastapi.responses import RedirectResponse

from driftwatch.api.problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input of a form. `type` is one of HTML's, or `textarea`; a checkbox sends `yes`. One with `options` is a choice among them.
    `hint` says what it takes."""

    name: str
    label: str
    type: str = "text"
    required: bool = True
    value: str = ""
    hint: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A form: `path` is where it is posted below the address of its thing, `hidden` what it says without asking, `lines` what it would
    come to."""

    path: str
    title: str
    text: str
    fields: tuple[Field, ...] = ()
    hidden: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


REASON = Field(name="reason", label="Why")


def same(seen: str, tag: str, thing: str) -> None:
    """Raises Problem (412) where the thing is no longer what the form's page showed."""
    if seen != tag:
        raise Problem(HTTPStatus.PRECONDITION_FAILED, f"the {thing} is no longer what this page showed; look at it again")


def back(path: str) -> Response:
    """To the page of the thing, once a form was done."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)
