"""What streams/server/compat.py relies on in Twisted, autobahn and daphne: a failure names what has changed there."""

import asyncio
import inspect
import re
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from autobahn.twisted import websocket as autobahn_twisted
from autobahn.websocket import protocol as autobahn
from daphne import http_protocol, server, ws_protocol
from twisted.internet import tcp
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITransport
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web import http

from streams.server import compat


@pytest.fixture
def transport() -> Iterator[tcp.Connection]:
    """A TCP transport of Twisted's over a real socket, that no reactor watches."""
    ours, theirs = socket.socketpair()
    connection = tcp.Connection(ours, MagicMock(), MagicMock())
    yield connection
    ours.close()
    theirs.close()


@pytest.mark.parametrize("name", ["dataBuffer", "offset", "_tempDataLen", "bufferSize", "disconnecting", "socket"])
def test_a_transport_of_twisted_has(transport: tcp.Connection, name: str) -> None:
    assert hasattr(transport, name), f"twisted.internet.tcp.Connection.{name} is gone"


def test_a_transport_counts_what_is_unsent(transport: tcp.Connection) -> None:
    assert compat.tcp(transport) is transport
    assert compat.tcp(SimpleNamespace(transport=transport)) is transport, "under TLS it is the transport below"
    assert compat.unsent(transport) == 0
    transport.connected = True
    transport.write(b"12345")
    assert compat.unsent(transport) == 5
    assert compat.unacknowledged(transport) == 0
    assert not compat.closing(transport)
    assert compat.buffer_limit(transport) > 0
    assert ITransport.implementedBy(tcp.Connection)


def test_autobahn_takes_its_validator_from_the_module() -> None:
    source = inspect.getsource(autobahn.WebSocketProtocol.onCloseFrame)
    assert "Utf8Validator()" in source, "autobahn validates the reasons of closes otherwise"
    compat.share_utf8_validator()
    assert getattr(autobahn, "Utf8Validator")() is getattr(autobahn, "Utf8Validator")()  # noqa: B009


@pytest.mark.parametrize("before", [b"\xc0\xaf", b"\xff", b"half \xe2\x82"])
def test_the_shared_validator_keeps_no_state(before: bytes) -> None:
    validator = compat.Utf8Validator()
    assert not validator.validate(before)[0]
    assert validator.validate("bye €".encode())[:2] == (True, True)


def test_autobahn_copies_the_options_named_in_config_attrs() -> None:
    assert "failByDrop" in autobahn.WebSocketServerProtocol.CONFIG_ATTRS
    factory = ws_protocol.WebSocketFactory(MagicMock())
    made = compat.with_options_of(factory, ws_protocol.WebSocketProtocol)
    assert made.failByDrop == factory.failByDrop  # type: ignore[attr-defined]
    assert made.CONFIG_ATTRS == ()  # type: ignore[attr-defined]


AUTOBAHN_STATE = ["data", "current_frame", "inside_message", "autoPingTimeoutCall", "state"]
HANDSHAKE = ["http_request_data", "http_response_data", "http_headers", "send_queue"]


@pytest.mark.parametrize("name", [*AUTOBAHN_STATE, *HANDSHAKE])
def test_autobahn_keeps_in_a_connection(name: str) -> None:
    assert re.search(rf"self\.{name}\b.* = ", inspect.getsource(autobahn)), f"WebSocketProtocol.{name} is gone"


METHODS = [
    "onFrameBegin",
    "onPing",
    "onCloseFrame",
    "processData",
    "dropConnection",
    "sendCloseFrame",
]


@pytest.mark.parametrize("name", METHODS)
def test_autobahn_calls_the_methods_that_are_overridden(name: str) -> None:
    assert hasattr(autobahn.WebSocketProtocol, name), f"WebSocketProtocol.{name} is gone"
    source = inspect.getsource(autobahn) + inspect.getsource(autobahn_twisted)
    assert f"self.{name}(" in source, f"nothing calls WebSocketProtocol.{name} any more"


def test_daphne_keeps_clean_headers_and_a_mute() -> None:
    source = inspect.getsource(ws_protocol.WebSocketProtocol)
    assert "self.clean_headers" in source
    assert "self.muted" in source
    protocol = SimpleNamespace(muted=False)
    compat.mute(protocol, True)
    assert protocol.muted


def test_daphne_keeps_applications_by_connection() -> None:
    source = inspect.getsource(server.Server)
    for part in ('["application_instance"]', '["disconnected"]', "self.connections", "self.http_factory"):
        assert part in source, f"daphne.server.Server has no {part}"

    async def scenario() -> None:
        stub: Any = SimpleNamespace(connections={"open": {}, "gone": {"disconnected": 1.0}})
        assert compat.served_connections(stub) == ["open"]
        compat.complete_connections(stub)
        assert stub.connections["gone"]["application_instance"].done()

    asyncio.run(scenario())


def test_daphnes_http_factory_lets_the_classes_of_channels_and_requests_be_chosen() -> None:
    class MyRequest(http_protocol.WebRequest):  # type: ignore[misc]
        pass

    class MyChannel(http.HTTPChannel):  # type: ignore[misc]
        pass

    stub = SimpleNamespace(http_factory=http_protocol.HTTPFactory(MagicMock()))
    compat.use_channels(stub, MyChannel, MyRequest, lambda address: True if address is None else address)
    made = stub.http_factory.buildProtocol(None)
    assert made.requestFactory is MyRequest
    assert isinstance(made._channel, MyChannel)
    assert stub.http_factory.buildProtocol("refused") == "refused"


def test_twisted_accepts_as_many_connections_at_once_as_a_port_allows() -> None:
    assert "numAccepts = self.numberAccepts" in inspect.getsource(tcp.Port.doRead)
    allowed: list[int] = []
    port: Any = SimpleNamespace(numberAccepts=100, doRead=lambda: allowed.append(port.numberAccepts))
    compat.limit_accepts(port, 20)
    for waiting in (100, 40, 3):
        port.numberAccepts = waiting
        port.doRead()
    assert allowed == [20, 20, 3]


CHANNEL = ["allHeadersReceived", "allContentReceived", "requestDone"]


def test_twisted_keeps_the_request_line_until_the_body_begins() -> None:
    lines: list[tuple[bytes, bytes]] = []

    class Request(http.Request):  # type: ignore[misc]
        def gotLength(self, length: int | None) -> None:  # noqa: N802 (Twisted's name)
            lines.append(compat.request_line(self))
            super().gotLength(length)

    channel = http.HTTPChannel()
    channel.requestFactory = Request
    channel.makeConnection(StringTransport())
    channel.dataReceived(b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n")
    assert lines == [(b"POST", b"/a?b")], "uploads may have no more than other requests"
    channel.connectionLost(Failure(ConnectionDone()))


@pytest.mark.parametrize("name", CHANNEL)
def test_twisted_calls_the_methods_of_a_channel_that_are_overridden(name: str) -> None:
    assert f".{name}(" in inspect.getsource(http), f"nothing calls HTTPChannel.{name} any more"


@pytest.mark.parametrize("name", ["gotLength", "handleContentChunk", "process", "basic_error"])
def test_daphnes_request_has(name: str) -> None:
    assert hasattr(http_protocol.WebRequest, name), f"daphne.http_protocol.WebRequest.{name} is gone"
