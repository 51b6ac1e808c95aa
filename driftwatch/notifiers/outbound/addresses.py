"""Which addresses driftwatch calls: never those of metadata services, and private ones only where they are allowed.

The address that was checked is the one that is called, so that a name which answers differently a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""The addresses of a host, as text."""

METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23", "100.100.100.200", "168.63.129.16")
)
"""Credentials of instances, containers and pods are had there for the asking: AWS, and what others use."""
EVERYWHERE: Final = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class PostFailed(Exception):  # noqa: N818 - it is what happened, and no error of this program
    """The receiver gave no answer, or was not asked. The text names neither the address nor a secret."""


def resolve(host: str, port: int) -> Sequence[str]:
    """As the system resolves it; it takes decimal and hexadecimal forms of addresses, too."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def checked(host: str, port: int, allowed: Sequence[Network], ask: Resolve = resolve) -> Address:
    """The address to call. Raises PostFailed where the host has none, or has one that may not be called."""
    try:
        found = [ipaddress.ip_address(text.partition("%")[0]) for text in ask(host, port)]
    except (OSError, UnicodeError, ValueError) as error:
        raise PostFailed("the receiver's name cannot be resolved") from error
    if not found:
        raise PostFailed("the receiver's name has no address")
    for address in found:
        if any(inner in METADATA for inner in _meanings(address)):
            raise PostFailed("the receiver's address is that of a metadata service, which is never called")
        if not all(is_public(inner) or _among(inner, allowed) for inner in _meanings(address)):
            raise PostFailed("the receiver's address is a private, local or multicast one, and allow_private does not list it")
    return found[0]


def is_public(address: Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback)


def _meanings(address: Address) -> list[Address]:
    """The address, and the one that it leads to where it only wraps another."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    inner = address.sixtofour or (address.teredo[1] if address.teredo else None)
    if inner is None and address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return [address] if inner is None else [address, inner]


def _among(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
