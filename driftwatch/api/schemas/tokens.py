"""Tokens and whoever asks, as the API takes and gives them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from driftwatch.api.schemas.base import Body, Given, Moment
from driftwatch.domain.access import Permission, Role
from driftwatch.domain.baseline import Assurance, Method


class TokenOf(Given):
    id: str
    person: str = Field(description="Whose it is: it may what they may.")
    label: str
    status: Literal["active", "expired", "revoked"]
    created: Moment
    expires: Moment
    last_used: Moment | None = Field(description="To the minute.")
    revoked: Moment | None
    revoked_by: str | None


class Tokens(Given):
    tokens: list[TokenOf]


class NewToken(Body):
    label: str = Field(min_length=1, max_length=80, description="What it is for.")
    days: int = Field(default=90, ge=1, le=366, description="Days until it works no more.")


class MadeToken(TokenOf):
    secret: str | None = Field(description="The token itself, shown this once (null to a repetition): `Authorization: Bearer ...`.")


class AccountRights(Given):
    account: str
    permissions: list[Permission]


class Me(Given):
    person: str
    method: Method = Field(description="How you were identified.")
    assurance: Assurance
    roles: list[Role] = Field(description="Every role that you have somewhere.")
    accounts: list[AccountRights] = Field(description="What you may do in each account that you may read.")
