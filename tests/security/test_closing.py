"""How a socket ends: no client breaks closing for others, and a refused client costs nothing more."""

import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil  # type: ignore[import-untyped]
import pytest

from tests.support.api import Api
from tests.support.server import LiveServer

CLOSE, PING, TEXT, CONTINUATION = 8, 9, 1, 0


def frame(opcode: int, payload: bytes = b"", final: bool = True) -> bytes:
    """A client's frame, masked with zeros."""
    assert len(payload) < 126
    return bytes([(0x80 if final else 0) | opcode, 0x80 | len(payload)]) + bytes(4) + payload


def handshake(
    token: str | None = None, extra: bytes = b"", version: bytes = b"HTTP/1.1", ws_version: int = 13
) -> bytes:
    lines = [
        b"GET /ws/ " + version,
        b"Host: 127.0.0.1",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Version: %d" % ws_version,
    ]
    if token:
        lines.append(b"Authorization: Bearer " + token.encode())
    return b"\r\n".join([*lines, *([extra] if extra else []), b"", b""])


@contextmanager
def connection(live: LiveServer, request: bytes) -> Iterator[tuple[socket.socket, bytes]]:
    """A socket that has sent `request`, and the head of the answer."""
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
        client.sendall(request)
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(1)
            if not piece:
                break
            head += piece
        yield client, head


def exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = client.recv(size - len(data))
        assert piece, "the connection ended without a close frame"
        data += piece
    return data


def close_code(client: socket.socket) -> int:
    """The code of the close frame that comes next, after any other frames."""
    while True:
        opcode, length = exactly(client, 2)
        if length == 126:
            [length] = struct.unpack("!H", exactly(client, 2))
        payload = exactly(client, length)
        if opcode & 0x0F == CLOSE:
            code: int = struct.unpack("!H", payload[:2])[0]
            return code


def closed_by(live: LiveServer, token: str | None, sent: bytes) -> int:
    with connection(live, handshake(token)) as (client, head):
        assert head.startswith(b"HTTP/1.1 101"), head
        client.sendall(sent)
        return close_code(client)


def test_an_anonymous_client_cannot_break_closing_for_others(live: LiveServer, root: Api) -> None:
    with connection(live, handshake()) as (client, head):
        assert head.startswith(b"HTTP/1.1 101")
        client.sendall(frame(CLOSE, struct.pack("!H", 1000) + b"\xc0\xaf"))
        assert close_code(client) in (4401, 1007)
    for _ in range(3):
        assert closed_by(live, root.token, frame(CLOSE, struct.pack("!H", 1000) + b"bye")) == 1000


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (struct.pack("!H", 1000) + b"\xc0\xaf", 1007),
        (struct.pack("!H", 999), 1002),
        (struct.pack("!H", 1005), 1002),
        (struct.pack("!H", 1016), 1002),
        (struct.pack("!H", 5000), 1002),
        (b"\x03", 1002),
    ],
    ids=["reason not UTF-8", "999", "1005", "1016", "5000", "half a code"],
)
def test_an_invalid_close_is_answered_with_a_close_frame(
    live: LiveServer, root: Api, payload: bytes, code: int
) -> None:
    assert closed_by(live, root.token, frame(CLOSE, payload)) == code


def test_a_subprotocol_that_is_not_ascii_is_a_bad_request(live: LiveServer, root: Api) -> None:
    logged = len(live.log)
    extra = "Sec-WebSocket-Protocol: ümlaut".encode()
    with connection(live, handshake(root.token, extra)) as (_, head):
        assert head.startswith(b"HTTP/1.1 400"), head
    assert "Traceback" not in live.log[logged:]


def test_http_1_0_is_not_upgraded(live: LiveServer, root: Api) -> None:
    with connection(live, handshake(root.token, version=b"HTTP/1.0")) as (_, head):
        assert head.split(b" ")[1] == b"400", head


def test_an_old_websocket_version_is_told_the_current_one(live: LiveServer, root: Api) -> None:
    with connection(live, handshake(root.token, ws_version=8)) as (_, head):
        assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 426")), head
        assert b"Sec-WebSocket-Version: 13" in head


def test_a_socket_that_is_not_signed_in_is_cut_soon_and_read_no_more(live: LiveServer) -> None:
    with connection(live, handshake()) as (client, head):
        assert head.startswith(b"HTTP/1.1 101")
        assert close_code(client) == 4401
        start = time.monotonic()
        taken = 0
        try:
            while time.monotonic() - start < 8:
                taken += client.send(frame(PING) * 10_000)
        except OSError:
            pass
        assert time.monotonic() - start < 5, "cut after about a second"
    assert taken < 32_000_000, "what the kernel's buffers hold, not what a reader takes"


FLOODS = {
    "pings": frame(PING) * 20_000,
    "pings with payload": frame(PING, bytes(100)) * 20_000,
    "empty fragments": frame(TEXT, b"", final=False) + frame(CONTINUATION, b"", final=False) * 20_000,
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
def test_control_frames_and_fragments_count_as_messages(live: LiveServer, root: Api, flood: bytes) -> None:
    with connection(live, handshake(root.token)) as (client, head):
        assert head.startswith(b"HTTP/1.1 101")
        client.settimeout(0.2)
        with suppress(OSError):  # the server stopped reading
            client.sendall(flood)
        client.settimeout(10)
        assert close_code(client) == 4429


def test_unread_pongs_take_no_memory(own_live: LiveServer) -> None:
    token = own_live.token("root", "--create", "--superuser")
    server = psutil.Process(own_live.pid)
    before = server.memory_info().rss
    with connection(own_live, handshake(token)) as (client, _):
        client.settimeout(1)
        until = time.monotonic() + 6
        while time.monotonic() < until:  # within the rate, so that nobody is cut for that
            try:
                client.sendall(frame(PING, os.urandom(125)) * 150)
            except OSError:
                break
            time.sleep(1)
        grown = server.memory_info().rss - before
    assert grown < 20_000_000, grown
