"""Addresses in the settings: where something listens, and where something is reached."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def web_address(value: str, *, path: bool) -> str:
    """A URL as it is compared: no slash at the end. Raises ValueError for anything but https, or plain http on loopback; for credentials,
    a query or a fragment in it; and for a path, unless `path` allows one."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"no URL ({error})") from error
    if not host or parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("no plain URL; expected one such as https://driftwatch.corp.example")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError("a URL that is not https; expected https://, or http:// on this machine only")
    if not path and parts.path.strip("/"):
        raise ValueError("a URL with a path; expected scheme, host and port only")
    return value.rstrip("/")


def origin_of(url: str) -> str:
    """A URL's origin as browsers write it: small letters, and no port where it is the scheme's own (RFC 6454)."""
    parts = urlsplit(url.lower())
    usual = {"https": ":443", "http": ":80"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.removesuffix(usual)}"
