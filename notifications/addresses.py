"""Which addresses webhooks may reach: public ones, and the networks in WEBHOOK_NETWORKS.

The address that a name resolves to is checked and then connected to, so that a name can't change in between.
"""

import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import SOCK_STREAM, gaierror, getaddrinfo
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore
from django.conf import settings

from streams.protocol.messages import Code, ProtocolError

MAX_URL = 2_000
Address = IPv4Address | IPv6Address
NAT64 = ip_network("64:ff9b::/96")


class ForbiddenAddressError(Exception):
    """The message names the address."""


def check_url(url: str) -> str:
    """`url`. Raises ProtocolError (INVALID_MESSAGE) unless it is one that a webhook may have."""
    parts = _parts(url)
    if parts is None:
        raise _invalid(f"an https:// address without spaces, of at most {MAX_URL} ASCII characters")
    if parts.username or parts.password:
        raise _invalid("an address without a user name and password")
    if parts.scheme == "http" and not settings.WEBHOOK_NETWORKS:
        raise _invalid("an https:// address")
    return url


def _parts(url: str) -> SplitResult | None:
    if len(url) > MAX_URL or not (url.isascii() and url.isprintable()) or " " in url:
        return None
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if valid else None


def _invalid(expected: str) -> ProtocolError:
    return ProtocolError(Code.INVALID_MESSAGE, f"url: expected {expected}")


def allowed(address: Address, encrypted: bool) -> bool:
    """Whether a webhook may connect there. Without encryption only to the networks in WEBHOOK_NETWORKS."""
    meant = list(_meant(address))
    if any(one in network for one in meant for network in settings.WEBHOOK_NETWORKS):
        return True
    return encrypted and all(one.is_global and not one.is_multicast for one in meant)


def _meant(address: Address) -> Iterator[Address]:
    """The address, and those IPv4 addresses that it stands for."""
    yield address
    if isinstance(address, IPv6Address):
        if address in NAT64:
            yield IPv4Address(int(address) & 0xFFFFFFFF)
        for embedded in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())):
            if embedded is not None:
                yield embedded


def resolve(host: str, port: int, encrypted: bool) -> list[str]:
    """The addresses of `host`. Raises ForbiddenAddressError if any may not be reached, and OSError."""
    try:
        found = getaddrinfo(host, port, type=SOCK_STREAM)
    except (gaierror, UnicodeError) as error:
        raise OSError(f"the name {host} can't be resolved: {error}") from None
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    for address in addresses:
        if not allowed(ip_address(address), encrypted):
            raise ForbiddenAddressError(f"{address} is not public, and not in WEBHOOK_NETWORKS")
    return addresses


@dataclass
class Deadline:
    """The time by which a whole exchange must have ended, however slowly the other side sends."""

    at: float

    @classmethod
    def in_seconds(cls, seconds: float) -> "Deadline":
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds. Raises httpcore.ReadTimeout if there are none."""
        if (left := self.at - time.monotonic()) <= 0:
            raise httpcore.ReadTimeout
        return left


class GuardedBackend(httpcore.NetworkBackend):
    """Connects to allowed addresses only, and ends everything at the deadline."""

    def __init__(self, deadline: Deadline, encrypted: bool) -> None:
        self._deadline = deadline
        self._encrypted = encrypted
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = resolve(host, port, self._encrypted)
        return _BoundedStream(self._connect(addresses, port), self._deadline)

    def _connect(self, addresses: Sequence[str], port: int) -> httpcore.NetworkStream:
        """To the first that answers. Raises the last one's error."""
        *others, last = addresses
        for address in others:
            try:
                return self._sockets.connect_tcp(address, port, self._deadline.left / 2)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                pass
        return self._sockets.connect_tcp(last, port, self._deadline.left)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _BoundedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, self._deadline.left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
