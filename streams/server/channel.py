"""Twisted's HTTP connections, tracked by what they are waiting for, and the response to those beyond the limit."""

from typing import Any, ClassVar

from twisted.internet.protocol import Protocol
from twisted.web.http import HTTPChannel

from streams.server import compat
from streams.server.connections import OWN_ADDRESSES, Connection, Connections, Phase, Refusal

ANSWERS = {
    Refusal.FULL: (b"503 Service Unavailable", b"too many connections\n"),
    Refusal.ADDRESS: (b"429 Too Many Requests", b"too many connections from your address\n"),
}
RETRY_SECONDS = 5
CLOSING = b"\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"


class StreamChannel(HTTPChannel):  # type: ignore[misc]
    """Twisted's HTTP channel, tracked as a connection until it becomes a WebSocket."""

    connection: Connection

    def __init__(self, connections: Connections, proxied: bool) -> None:
        super().__init__()
        self.connections = connections
        self.proxied = proxied

    def connectionMade(self) -> None:  # noqa: N802 (Twisted's name)
        super().connectionMade()
        address = None if self.proxied else address_of(self.transport.getPeer())
        self.connection = self.connections.opened(self.transport, address)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self.connection.phase == Phase.IDLE:
            self.connections.enter(self.connection, Phase.HEADER)
        super().dataReceived(data)

    def allHeadersReceived(self) -> None:  # noqa: N802
        if self.length != 0:
            self.connections.enter(self.connection, Phase.BODY)
        super().allHeadersReceived()

    def allContentReceived(self) -> None:  # noqa: N802
        self.connections.enter(self.connection, Phase.SERVED)
        super().allContentReceived()

    def requestDone(self, request: Any) -> None:  # noqa: N802
        self.connections.enter(self.connection, Phase.IDLE)
        if self.proxied:
            self.connections.identify(self.connection, None)  # the next request may come from another client
        super().requestDone(request)

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        """Respond with an error; Twisted would just close the connection."""
        if self.requests:  # the request line has been read, so this is a header
            status, what = b"431 Request Header Fields Too Large", b"header"
        else:
            status, what = b"414 URI Too Long", b"request line"
        text = b"expected a %s of at most %d bytes\n" % (what, self.MAX_LENGTH)
        self.transport.write(b"HTTP/1.1 " + status + CLOSING % len(text) + text)
        self.transport.loseConnection()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        self.connections.ended(self.connection)
        super().connectionLost(reason)


class RefusedConnection(Protocol):  # type: ignore[misc]
    """A connection beyond the limit: gets an error and is closed."""

    count: ClassVar[int] = 0

    def __init__(self, reason: Refusal) -> None:
        self._reason = reason

    def connectionMade(self) -> None:  # noqa: N802
        assert self.transport is not None
        RefusedConnection.count += 1
        status, text = ANSWERS[self._reason]
        headers = b"Connection: close\r\nContent-Type: text/plain\r\nRetry-After: %d\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(b"HTTP/1.1 " + status + b"\r\n" + headers % (RETRY_SECONDS, len(text)) + text)
        self.transport.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:  # noqa: N802
        RefusedConnection.count -= 1


def address_of(peer: Any) -> str | None:
    """A peer's address; None for a Unix socket and for a local address, which may be a proxy's."""
    host = getattr(peer, "host", None)
    return None if host in OWN_ADDRESSES else host


def forwarded_for(request: Any, header: str) -> str | None:
    """The client's address as seen by the proxy: the last in the header; a client can forge the ones before it."""
    values = list(compat.header_values(request, header.encode()))
    return values[-1].rsplit(b",")[-1].strip().decode("latin-1")[:64] or None if values else None
