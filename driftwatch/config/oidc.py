"""The identity provider that people sign in with."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from driftwatch.config.addresses import web_address
from driftwatch.documents.models import Section


class Oidc(Section):
    """An OpenID Connect provider, used with authorization code and PKCE."""

    issuer: str = Field(max_length=500, description="The issuer's URL, exactly as the provider's discovery document says it.")
    client_id: str = Field(min_length=1, max_length=200, description="The id under which the provider knows driftwatch.")
    client_secret_file: Path | None = Field(default=None, description="A file with the client's secret; none for a public client.")
    redirect_url: str | None = Field(
        default=None, max_length=500, description="The registered redirect; default: /sign-in/callback under `product.public_url`."
    )

    @field_validator("issuer")
    @classmethod
    def _reachable(cls, value: str) -> str:
        web_address(value, path=True)
        return value

    @field_validator("redirect_url")
    @classmethod
    def _ours(cls, value: str | None) -> str | None:
        if value is not None and not web_address(value, path=True).endswith("/sign-in/callback"):
            raise ValueError("a redirect that is not ours; expected one that ends in /sign-in/callback")
        return value
