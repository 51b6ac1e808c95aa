"""What moto does not answer, answered as AWS would, so that the simulated account is read without gaps and logged as AWS would."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_CREDENTIAL: Final = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")
_FUNCTION_URLS: Final = re.compile(r"/2021-10-31/functions/[^/]+/urls")
_BUCKET: Final = re.compile(rb"<Name>([^<]+)</Name>")
_DEFAULT_KEY: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?><GetEbsDefaultKmsKeyIdResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    b"<requestId>simulated</requestId><kmsKeyId>alias/aws/ebs</kmsKeyId></GetEbsDefaultKmsKeyIdResponse>"
)


_NO_POLICY: Final = frozenset({"CodeBuild_20161006.GetResourcePolicy"})
_ABSENT: Final = b'{"__type":"ResourceNotFoundException","message":"there is no policy"}'


_NAME_ID: Final = re.compile(r"<saml:NameID[^>]*>([^<]+)<")
_UNKNOWN_ROLE: Final = b"ARO123EXAMPLE123"
"""What moto calls every role that is assumed with a token."""
SOURCE_IDENTITY: Final = "https://aws.amazon.com/source_identity"
"""The claim of a token from which STS takes a session's source identity
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html)."""


class StandIn:
    """A WSGI layer before moto: policies that nobody set, the URLs of functions (none) and of queues, a default key, regions of buckets,
    and what STS takes out of tokens and assertions."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if _FUNCTION_URLS.fullmatch(environ.get("PATH_INFO", "")):
            return _answer(start_response, "application/json", b'{"FunctionUrlConfigs": []}')
        if environ.get("HTTP_X_AMZ_TARGET") in _NO_POLICY:
            return _answer(start_response, "application/x-amz-json-1.1", _ABSENT, "400 Bad Request")
        form = _form(environ)
        if form.get("Action") == ["GetEbsDefaultKmsKeyId"]:
            return _answer(start_response, "text/xml", _DEFAULT_KEY)
        if form.get("Action", [""])[0].startswith("AssumeRole"):
            return self._changed(environ, start_response, lambda body: _session(form, body))
        if environ["REQUEST_METHOD"] == "GET" and "max-buckets=" in environ.get("QUERY_STRING", ""):
            return self._buckets(environ, start_response)
        region, service = signed_for(environ)
        if service == "sqs":  # the URL of a queue is its id: it must not hold the port of this run
            environ |= {"HTTP_HOST": f"sqs.{region}.amazonaws.com", "wsgi.url_scheme": "https"}
        return self._application(environ, start_response)

    def _buckets(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The listing of buckets, each with its region, which AWS adds to a listing by pages."""

        def placed(found: re.Match[bytes]) -> bytes:
            return found.group() + b"<BucketRegion>" + _region(found.group(1).decode()) + b"</BucketRegion>"

        return self._changed(environ, start_response, lambda body: _BUCKET.sub(placed, body))

    def _changed(self, environ: Environ, start_response: StartResponse, change: Callable[[bytes], bytes]) -> Iterable[bytes]:
        answered: list[Any] = []
        body = change(b"".join(self._application(environ, lambda *start: answered.extend(start[:2]))))
        status, headers = answered
        start_response(status, [*((name, value) for name, value in headers if name.lower() != "content-length"), _length(body)])
        return [body]


def signed_for(environ: Environ) -> tuple[str, str]:
    """The region and the service (its signing name) that a request is signed for; empty where it is not signed."""
    found = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    return (found.group(1), found.group(2)) if found else ("", "")


def _form(environ: Environ) -> dict[str, list[str]]:
    """The fields of a form that was sent; the body stays readable for those behind."""
    if "x-www-form-urlencoded" not in environ.get("CONTENT_TYPE", ""):
        return {}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return parse_qs(body.decode(errors="replace"))


def claims(token: str) -> Mapping[str, Any]:
    """The claims of a JSON web token, which is not verified."""
    payload = token.split(".")[1]
    told: Mapping[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return told


def provider(role: str, issuer: str) -> str:
    """The ARN of an identity provider in the account of a role."""
    return f"arn:aws:iam::{role.split(':')[4]}:oidc-provider/{issuer.removeprefix('https://')}"


def _session(form: Mapping[str, list[str]], body: bytes) -> bytes:
    """The reply to whoever begins a session, with what STS takes out of the request."""
    asked = {name: values[0] for name, values in form.items()}
    action, role = asked["Action"], asked.get("RoleArn", "")
    told = {"SourceIdentity": asked.get("SourceIdentity", "")}
    if action == "AssumeRoleWithWebIdentity":
        said = claims(asked["WebIdentityToken"])
        told = {"SourceIdentity": str(said.get(SOURCE_IDENTITY, "")), "SubjectFromWebIdentityToken": str(said["sub"])}
        told |= {"Audience": str(said["aud"]), "Provider": provider(role, str(said["iss"]))}
        body = body.replace(_UNKNOWN_ROLE, _role_id(role) or _UNKNOWN_ROLE)
    if action == "AssumeRoleWithSAML":
        named = _NAME_ID.search(base64.b64decode(asked["SAMLAssertion"]).decode())
        account, name = asked["PrincipalArn"].split(":")[4], asked["PrincipalArn"].rpartition("/")[2]
        issuer = f"https://portal.sso.amazonaws.com/saml/assertion/{name}"
        told = {"Subject": named.group(1) if named else "", "Issuer": issuer}
        told["NameQualifier"] = base64.b64encode(
            hashlib.sha1(f"{issuer}{account}/{name}".encode(), usedforsecurity=False).digest()
        ).decode()
    for member, value in told.items():
        body = re.sub(rb"<%b>[^<]*</%b>" % (member.encode(), member.encode()), b"", body)
        added = f"<{member}>{escape(value)}</{member}></{action}Result>" if value else f"</{action}Result>"
        body = body.replace(f"</{action}Result>".encode(), added.encode())
    return body


def _role_id(arn: str) -> bytes | None:
    from moto.iam.models import iam_backends

    roles = list(iam_backends[arn.split(":")[4]]["aws"].roles.values())
    return next((str(role.id).encode() for role in roles if role.arn == arn), None)


def _region(bucket: str) -> bytes:
    from moto.s3.models import s3_backends

    for account in list(s3_backends.values()):
        for backend in list(account.values()):
            if bucket in backend.buckets:
                return str(backend.buckets[bucket].region_name).encode()
    return b"us-east-1"


def _answer(start_response: StartResponse, content_type: str, body: bytes, status: str = "200 OK") -> list[bytes]:
    start_response(status, [("Content-Type", content_type), ("x-amzn-RequestId", "simulated"), _length(body)])
    return [body]


def _length(body: bytes) -> tuple[str, str]:
    return "Content-Length", str(len(body))
