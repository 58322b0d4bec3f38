"""Accessors for the private names of Twisted, autobahn and daphne that this server uses.

tests/contracts/test_server_compat.py has a test for each, which fails with the name that an upgrade has changed.
"""

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Iterator
from typing import Any

from autobahn.websocket import protocol as websocket
from twisted.internet.error import ConnectionAborted
from twisted.python.failure import Failure
from twisted.web import http

# Twisted's TCP transport


def tcp(transport: Any) -> Any:
    """The transport that holds the socket: under TLS the one below."""
    while not hasattr(transport, "dataBuffer"):
        transport = transport.transport
    return transport


def unsent(transport: Any) -> int:
    """Bytes written to a TCP transport but not yet passed to the kernel."""
    count: int = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
    return count


def buffer_limit(transport: Any) -> int:
    """The number of unsent bytes at which a TCP transport is full."""
    limit: int = transport.bufferSize
    return limit


def closing(transport: Any) -> bool:
    """Whether a TCP transport is closing."""
    return bool(transport.disconnecting)


def socket_of(transport: Any) -> socket.socket:
    """The socket of a TCP transport."""
    handle: socket.socket = transport.socket
    return handle


def close_at_once(transport: Any) -> None:
    """Abort a connection and release its file descriptor immediately; `abortConnection` waits for the event loop's next
    iteration, before which a hundred others may be accepted. Not for the connection whose data is being handled."""
    tcp(transport).connectionLost(Failure(ConnectionAborted()))


def unacknowledged(transport: Any) -> int:
    """Bytes in the kernel that the reader hasn't received, if the system reports them (Linux does)."""
    try:
        answer = fcntl.ioctl(transport.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    except (OSError, ValueError):
        return 0
    count: int = struct.unpack("i", answer)[0]
    return count


# autobahn's WebSocket protocol


class Utf8Validator:
    """A stateless replacement for autobahn's validator, shared by all connections. Creating one of autobahn's takes
    0.3 ms, and sharing one lets a connection break later ones."""

    def reset(self) -> None:
        """There is no state."""

    def validate(self, data: bytes) -> tuple[bool, bool, int, int]:
        """Whether it is valid so far, whether it ends at a code point, and two unused positions."""
        try:
            data.decode()
        except UnicodeDecodeError as error:
            return False, False, error.start, error.start
        return True, True, len(data), len(data)


def share_utf8_validator() -> None:
    """Make autobahn use one validator. It only checks close reasons; texts are checked when they are decoded."""
    validator = Utf8Validator()
    websocket.Utf8Validator = lambda: validator  # type: ignore[assignment,attr-defined,return-value]


def with_options_of(factory: Any, protocol: type) -> type:
    """The protocol class with the factory's options. autobahn would copy them to every connection and format them for
    an unused log message, which costs half a millisecond and a kilobyte per connection."""
    options = {name: getattr(factory, name) for name in protocol.CONFIG_ATTRS}  # type: ignore[attr-defined]
    options = {name: staticmethod(value) if callable(value) else value for name, value in options.items()}
    return type(protocol.__name__, (protocol,), {**options, "CONFIG_ATTRS": ()})


def between_frames(protocol: Any) -> bool:
    """Whether the next frame starts a message, with nothing pending in autobahn."""
    return (
        protocol.state == protocol.STATE_OPEN
        and not protocol.data
        and protocol.current_frame is None
        and not protocol.inside_message
        and not protocol.autoPingTimeoutCall
    )


def discard_input(protocol: Any) -> None:
    """Discard what autobahn hasn't parsed yet."""
    protocol.data = b""


def forget_handshake(protocol: Any) -> None:
    """Free the handshake's headers, 3 KB per socket, once they have been read."""
    protocol.http_request_data = b""
    protocol.http_response_data = ""
    protocol.http_headers.clear()
    protocol.clean_headers.clear()  # daphne's, and the scope's
    protocol.send_queue = ()  # for sending in small pieces, which is never used


def send_close_frame(protocol: Any, code: int) -> None:
    """Send a close frame with a code that autobahn's `sendClose` refuses, 1011 or 1012."""
    protocol.sendCloseFrame(code=code)


# daphne's server


def mute(protocol: Any, muted: bool) -> None:
    """Whether the application gets the client's messages and its disconnect."""
    protocol.muted = muted


def set_application(server: Any, protocol: Any, application: "asyncio.Task[None]") -> None:
    """Make daphne supervise the task that serves a connection."""
    server.connections[protocol]["application_instance"] = application


def served_connections(server: Any) -> list[Any]:
    """The protocols of the open connections."""
    return [protocol for protocol, details in server.connections.items() if "disconnected" not in details]


def complete_connections(server: Any) -> None:
    """Give each connection an application, because daphne fails on one whose application has already been removed."""
    for details in server.connections.values():
        details.setdefault("application_instance", _finished())


def _finished() -> "asyncio.Future[None]":
    future: asyncio.Future[None] = asyncio.get_event_loop().create_future()
    future.set_result(None)
    return future


def ws_options(server: Any) -> Any:
    """daphne's factory of WebSocket protocols, which also holds their options."""
    return server.ws_factory


def use_channels(server: Any, channel: Any, request_class: type, admit: Any) -> None:
    """Make daphne create its connections with `channel` and its HTTP requests from `request_class`. `admit` is called
    first, with the peer's address, and returns True, a protocol that refuses the connection, or None to drop it."""
    factory = server.http_factory
    build = factory.buildProtocol

    def build_protocol(address: Any) -> Any:
        admitted = admit(address)
        if admitted is not True:
            return admitted
        protocol = build(address)
        protocol.requestFactory = request_class
        return protocol

    factory.protocol = lambda: http._GenericHTTPChannelProtocol(channel())
    factory.buildProtocol = build_protocol


def limit_accepts(port: Any, most: int) -> None:
    """Accept at most this many connections at once. Twisted would accept ever more while others are waiting."""
    read = port.doRead

    def bounded() -> None:
        port.numberAccepts = min(port.numberAccepts, most)
        read()

    port.doRead = bounded


def header_values(request: Any, name: bytes) -> Iterator[bytes]:
    """The values of a header of daphne's HTTP request."""
    yield from request.requestHeaders.getRawHeaders(name, [])


def refuse_request(request: Any, status: int, reason: bytes, text: str) -> None:
    """Answer an HTTP request with daphne's error page, without running the application."""
    request.basic_error(status, reason, text)


def request_line(request: Any) -> tuple[bytes, bytes]:
    """Method and target of an HTTP request whose body hasn't begun; empty if missing."""
    return getattr(request.channel, "_command", b""), getattr(request.channel, "_path", b"")


def channel_transport(request: Any) -> Any:
    """The transport below daphne's HTTP request, past Twisted's HTTP channel."""
    return request.channel.transport
