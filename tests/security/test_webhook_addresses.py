"""A webhook never reaches the operator's own network, unless that is allowed, whatever its name resolves to."""

import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from django.test import override_settings

from notifications import addresses
from notifications.addresses import ForbiddenAddressError, allowed, resolve
from notifications.exchange import exchange
from notifications.messages import Message
from streams.protocol.messages import ProtocolError

PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::", "2001:0:a00:1::",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused_in_every_spelling(address: str) -> None:
    with override_settings(WEBHOOK_NETWORKS=[]):
        assert not allowed(ip_address(address), encrypted=True)


def test_public_addresses_are_reached_only_encrypted() -> None:
    with override_settings(WEBHOOK_NETWORKS=[]):
        assert all(allowed(ip_address(address), encrypted=True) for address in PUBLIC)
        assert not any(allowed(ip_address(address), encrypted=False) for address in PUBLIC)


def test_allowed_networks_are_reached_and_no_others() -> None:
    with override_settings(WEBHOOK_NETWORKS=[ip_network("10.1.0.0/16")]):
        assert allowed(ip_address("10.1.2.3"), encrypted=False)
        assert allowed(ip_address("::ffff:10.1.2.3"), encrypted=False)
        assert not allowed(ip_address("10.2.0.1"), encrypted=True)


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "getaddrinfo", _answers("1.1.1.1", "127.0.0.1"))
    with override_settings(WEBHOOK_NETWORKS=[]), pytest.raises(ForbiddenAddressError, match=r"127\.0\.0\.1"):
        resolve("example.com", 443, encrypted=True)


def _answers(*found: str) -> Any:
    return lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in found]


def test_numbers_that_mean_an_address_are_checked_as_addresses() -> None:
    for host in ("2130706433", "0x7f.1", "127.1", "localhost"):
        answer = exchange(f"https://{host}:1/", Message("", {}))
        assert answer.status is None
        assert "not public" in answer.text, host


def test_unencrypted_addresses_are_refused_unless_networks_are_allowed() -> None:
    with override_settings(WEBHOOK_NETWORKS=[]), pytest.raises(ProtocolError, match="https"):
        addresses.check_url("http://example.com/")


@pytest.fixture
def dripping() -> Iterator[int]:
    """A port where an answer comes a byte at a time, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
                while not closed.wait(0.1):
                    try:
                        connection.sendall(b"y")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        yield int(server.getsockname()[1])
        closed.set()
        thread.join()


def test_a_receiver_that_drips_is_cut_off(dripping: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifications.exchange.EXCHANGE_SECONDS", 1.0)
    with override_settings(WEBHOOK_NETWORKS=[ip_network("127.0.0.0/8")]):
        assert exchange(f"http://127.0.0.1:{dripping}/", Message("", {})).status is None
