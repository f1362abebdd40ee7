"""The address that is noted and throttled is that of who asks, and nobody can write another one."""

from __future__ import annotations

import pytest

from services.proxies import client_address, networks_of
from services.settings import Settings

PROXIES = "10.0.0.5, 192.0.2.0/24, 2001:db8::/32"
CLIENT = "203.0.113.9"


@pytest.mark.parametrize(
    ("connected", "forwarded", "expected"),
    [
        # Straight to the app: the header is anybody's.
        (CLIENT, [], CLIENT),
        (CLIENT, ["198.51.100.1"], CLIENT),
        (CLIENT, ["198.51.100.1, 10.0.0.5"], CLIENT),
        # As a server that listens for IPv6 as well names it.
        (f"::ffff:{CLIENT}", [], CLIENT),
        ("::ffff:10.0.0.5", [], "10.0.0.5"),
        # Through one proxy, through several, in one header or in two.
        ("10.0.0.5", [CLIENT], CLIENT),
        ("10.0.0.5", [f"{CLIENT}, 192.0.2.77"], CLIENT),
        ("10.0.0.5", [CLIENT, "192.0.2.77"], CLIENT),
        ("2001:db8::7", [f" {CLIENT} "], CLIENT),
        ("::ffff:10.0.0.5", [CLIENT], CLIENT),
        ("10.0.0.5", ["::ffff:203.0.113.9"], CLIENT),
        ("10.0.0.5", ["2001:4860::1"], "2001:4860::1"),
        # What the client itself wrote stands at the left.
        ("10.0.0.5", [f"198.51.100.1, {CLIENT}"], CLIENT),
        ("10.0.0.5", [f"10.0.0.5, {CLIENT}, 192.0.2.77"], CLIENT),
        # With a port, as some proxies write it.
        ("10.0.0.5", [f"{CLIENT}:50432"], CLIENT),
        ("10.0.0.5", ["[2001:4860::1]:443"], "2001:4860::1"),
        # Nobody but proxies: the farthest.
        ("10.0.0.5", ["192.0.2.3, 192.0.2.4"], "192.0.2.3"),
        # Without a header, or with what is no address, it is the proxy that asks.
        ("10.0.0.5", [], "10.0.0.5"),
        ("10.0.0.5", [""], "10.0.0.5"),
        ("10.0.0.5", ["unknown"], "10.0.0.5"),
        ("10.0.0.5", ["198.51.100.1, unknown"], "10.0.0.5"),
        ("10.0.0.5", ["198.51.100.1, 999.1.1.1, 192.0.2.4"], "192.0.2.4"),
        ("10.0.0.5", ["x" * 5000], "10.0.0.5"),
        ("nowhere", [CLIENT], "nowhere"),
    ],
)
def test_the_first_address_from_the_right_that_is_no_proxy_of_ours(connected, forwarded, expected):
    assert client_address(connected, forwarded, networks_of(PROXIES)) == expected


@pytest.mark.parametrize("forwarded", [[], [CLIENT], [f"{CLIENT}, 10.0.0.5"]])
def test_without_trusted_proxies_the_header_says_nothing(forwarded):
    assert client_address("10.0.0.5", forwarded, ()) == "10.0.0.5"
    assert client_address("::ffff:10.0.0.5", forwarded, ()) == "10.0.0.5"
    assert client_address("", forwarded, ()) == ""


@pytest.mark.parametrize("proxies", ["127.0.0.1", "::1", "127.0.0.0/8"])
def test_a_proxy_on_the_same_machine_has_no_address_of_its_own(proxies):
    assert client_address("", [CLIENT], networks_of(proxies)) == CLIENT
    assert client_address("", [], networks_of(proxies)) == ""
    assert client_address("", [CLIENT], networks_of("10.0.0.5")) == ""


def test_a_wrong_proxy_is_a_sentence():
    assert Settings(trusted_proxies=PROXIES).proxies == networks_of(PROXIES)
    assert Settings().proxies == ()
    for wrong in ("proxy.hospital.org", "10.0.0.0/99", "10.0.0.5 10.0.0.6"):
        with pytest.raises(ValueError, match=r"TRUSTED_PROXIES.*10\.0\.0\.5"):
            Settings(trusted_proxies=wrong)
