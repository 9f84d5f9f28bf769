"""Which address a request counts for, and whom the server believes about it."""

import pytest

from graph.http.client_address import ClientAddresses
from graph.http.request import joined

PROXIES = ("10.0.0.0/8", "2001:db8:ffff::/48")


def client_of(
    peer: str | None, *forwarded: str, trusted: tuple[str, ...] = PROXIES, header: str = "X-Forwarded-For"
) -> str:
    """The address that counts for a request from `peer` with these lines of the header."""
    lines = [(header.lower().encode(), line.encode("latin-1")) for line in forwarded]
    state = {"headers": joined(lines)}
    scope = {"type": "http", "client": None if peer is None else (peer, 40_000), "state": state}
    return ClientAddresses(trusted, header).client_of(scope)


def test_without_trusted_proxies_the_peer_is_the_client_whatever_it_says() -> None:
    assert client_of("10.0.0.1", "203.0.113.9", trusted=()) == "10.0.0.1"


def test_a_peer_that_is_no_proxy_is_the_client_whatever_it_says() -> None:
    assert client_of("198.51.100.7", "203.0.113.9") == "198.51.100.7"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.1.1.1"], "203.0.113.9"),
        (["203.0.113.9", "10.1.1.1"], "203.0.113.9"),
        # On the left of what the proxy wrote, the client wrote what it liked.
        (["192.0.2.1, 203.0.113.9"], "203.0.113.9"),
        (["192.0.2.1", "203.0.113.9, 10.1.1.1, 10.1.1.2"], "203.0.113.9"),
        (["203.0.113.9:51234"], "203.0.113.9"),
        (["[2001:db8:1:2:3::4]:51234"], "2001:db8:1::/56"),
        (["  203.0.113.9  "], "203.0.113.9"),
        # All of them proxies: the farthest is the nearest thing to a client.
        (["10.3.3.3, 10.1.1.1"], "10.3.3.3"),
    ],
)
def test_the_first_address_that_no_trusted_proxy_vouches_for_is_the_client(forwarded: list[str], client: str) -> None:
    assert client_of("10.0.0.1", *forwarded) == client
    assert client_of("::ffff:10.0.0.1", *forwarded) == client
    assert client_of("2001:db8:ffff::1", *forwarded) == client


@pytest.mark.parametrize("rubbish", ["", "unknown", "203.0.113.9.1", "a" * 5000, "203.0.113.9 10.1.1.1", "\xff", "::g"])
def test_what_is_no_address_ends_the_search_at_the_proxy_that_sent_it(rubbish: str) -> None:
    assert client_of("10.0.0.1", f"192.0.2.1, {rubbish}, 10.1.1.1") == "10.1.1.1"
    assert client_of("10.0.0.1", rubbish) == "10.0.0.1"


def test_an_ipv6_client_is_its_household() -> None:
    assert client_of("2001:db8:1:200:aaaa::1") == client_of("2001:db8:1:2ff::9") == "2001:db8:1:200::/56"
    assert client_of("2001:db8:1:300::1") == "2001:db8:1:300::/56"
    assert client_of("fe80::1%eth0") == "fe80::/56"


def test_an_ipv4_client_counts_once_however_its_address_is_written() -> None:
    assert client_of("::ffff:198.51.100.7") == client_of("198.51.100.7") == "198.51.100.7"
    assert client_of("64:ff9b::198.51.100.7") == "198.51.100.7"
    assert client_of("2002:c633:6407::1") == client_of("2002:c633:6407:ffff::1") == "198.51.100.7"
    # 10.0.0.1 is a proxy, and a stranger's network of 6to4 that is named after it is none.
    assert client_of("2002:0a00:0001::1", "203.0.113.9") == "10.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["for=203.0.113.9"], "203.0.113.9"),
        (["For=203.0.113.9:51234; proto=https;by=10.0.0.1"], "203.0.113.9"),
        (['proto=https ; for="203.0.113.9:51234"'], "203.0.113.9"),
        (['for="[2001:db8:1:2:3::4]:51234"'], "2001:db8:1::/56"),
        (["for=192.0.2.1, for=203.0.113.9;by=10.0.0.1, for=10.1.1.1"], "203.0.113.9"),
        (['for="192.0.2.1', 'for=203.0.113.9, for="10.1.1.1"'], "203.0.113.9"),
        # No address: the proxy that wrote it is the nearest thing to a client.
        (["for=192.0.2.1, for=unknown"], "10.0.0.1"),
        (["for=192.0.2.1, for=_hidden, for=10.1.1.1"], "10.1.1.1"),
        (["for=192.0.2.1, proto=https"], "10.0.0.1"),
        (["for=192.0.2.1, host=x;xfor=192.0.2.1"], "10.0.0.1"),
        (["203.0.113.9"], "10.0.0.1"),
    ],
)
def test_a_client_is_named_by_forwarded_of_rfc_7239(forwarded: list[str], client: str) -> None:
    assert client_of("10.0.0.1", *forwarded, header="Forwarded") == client


@pytest.mark.parametrize("peer", [None, "", "/run/wxgate.sock"])
def test_a_peer_without_an_address_has_a_name_all_the_same(peer: str | None) -> None:
    assert client_of(peer, "203.0.113.9") == "unknown"
