"""Whose address a request is noted and throttled under, where proxies stand between the browser and Falx."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK = "127.0.0.1"


def networks_of(text: str) -> tuple[Network, ...]:
    """Addresses and networks with commas between, such as "10.0.0.5, 192.0.2.0/24"; ValueError for anything else."""
    return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


def client_address(connected: str, forwarded: Iterable[str], trusted: tuple[Network, ...]) -> str:
    """The address of who asks: that of the connection, or, behind ``trusted`` proxies, the one that they passed on.

    ``connected`` is the connection's address, empty where it comes from this machine itself. ``forwarded`` are the
    values of X-Forwarded-For, to which each proxy has added at the right whom it was asked by. Read from the right, the
    first address that is no trusted proxy's is taken: what stands further left, anybody may have written. A value that
    is no address ends the reading, and the proxy that passed it on is taken. From a connection that is not trusted the
    header is ignored.
    """
    asked = _address(connected or LOOPBACK)
    if asked is None:
        return connected
    # A server that listens for IPv6 names an IPv4 client within it, and all of these would be counted as one network.
    itself = str(asked) if connected else ""
    if not _is_in(asked, trusted):
        return itself
    for value in reversed(",".join(forwarded).split(",")):
        before = _address(value)
        if before is None:
            break
        asked = before
        if not _is_in(asked, trusted):
            break
    return itself if asked == _address(connected or LOOPBACK) else str(asked)


def _address(text: str) -> Address | None:
    """An address, with or without a port; one of IPv4 within IPv6 is the same as itself."""
    text = text.strip()
    with_port = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::\d{1,5})?|([0-9.]+):\d{1,5}", text)
    if with_port:
        text = with_port[1] or with_port[2]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    inner = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return inner or found


def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    loopback = address.is_loopback and any(one.network_address.is_loopback for one in networks)
    return loopback or any(address in network for network in networks)
