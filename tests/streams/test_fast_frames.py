"""The fast path reads messages as any RFC 6455 parser would, and leaves the rest to one."""

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from streams.server.protocol import whole_texts
from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.viewer import viewer

TEXT = 0x81


def frame(payload: bytes, first: int = TEXT, mask: bytes | None = None) -> bytes:
    """A client's frame, with the shortest length it can have."""
    mask = os.urandom(4) if mask is None else mask
    length = len(payload)
    if length < 126:
        head = bytes([first, 0x80 | length])
    elif length < 65_536:
        head = bytes([first, 0x80 | 126]) + length.to_bytes(2, "big")
    else:
        head = bytes([first, 0x80 | 127]) + length.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def as_websockets_reads_it(data: bytes) -> Frame:
    """The same bytes by another's parser."""
    reader = StreamReader()
    reader.feed_data(data)
    parsing = Frame.parse(reader.read_exact, mask=True)
    try:
        next(parsing)
    except StopIteration as done:
        found: Frame = done.value
        return found
    raise AssertionError("not a whole frame")


@given(st.lists(st.text(max_size=300), max_size=5), st.binary(min_size=4, max_size=4))
def test_whole_texts_are_read(texts: list[str], mask: bytes) -> None:
    frames = [frame(text.encode(), mask=mask) for text in texts]
    assert [as_websockets_reads_it(data).data for data in frames] == [text.encode() for text in texts]
    data = b"".join(frames)
    payloads, end = whole_texts(data)
    assert ([payload.decode() for payload in payloads], end) == (texts, len(data))


@given(st.lists(st.text(max_size=200), min_size=1, max_size=4), st.data())
def test_an_incomplete_text_is_left_for_later(texts: list[str], data: st.DataObject) -> None:
    frames = [frame(text.encode()) for text in texts]
    whole = b"".join(frames)
    cut = data.draw(st.integers(0, len(whole) - 1))
    found, end = whole_texts(whole[:cut])
    assert end == sum(map(len, frames[: len(found)])) <= cut < end + len(frames[len(found)])


@pytest.mark.parametrize(
    "data",
    [
        frame(b"\x00\x01", first=0x82),
        frame(b"part", first=0x01),
        frame(b"rest", first=0x80),
        frame(b"", first=0x89),
        frame(b"\x03\xe8", first=0x88),
        frame(b"with an extension", first=0xC1),
        b"\x81\x05hello",  # not masked
        frame(b"\xff\xfe"),
        frame("ü".encode()[:1]),
        b"\x81\xfe\x00\x05mask" + b"12345",  # a short text with a long length
        frame(b"x" * 65_536),
    ],
    ids=["binary", "first", "last", "ping", "close", "rsv", "bare", "not UTF-8", "half a ü", "long-winded", "long"],
)
def test_anything_else_is_left_to_the_full_parser(data: bytes) -> None:
    before = frame(b"before")
    assert whole_texts(data) == ([], 0)
    assert whole_texts(before + data) == ([b"before"], len(before))


@contextmanager
def raw_socket(server: LiveServer, token: str | None) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw:
        raw.sendall(
            f"GET /ws/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {token}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += raw.recv(1)
        assert b" 101 " in head
        yield raw


def read_frame(raw: socket.socket) -> tuple[int, bytes]:
    def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += raw.recv(count - len(data)) or pytest.fail("the line was cut")
        return data

    first, length = exactly(2)
    length = int.from_bytes(exactly(2), "big") if length == 126 else length
    return first & 0x0F, exactly(length)


def ping(number: int) -> bytes:
    return json.dumps({"type": "ping", "id": number}).encode()


def test_messages_are_answered_however_they_are_cut_and_joined(live: LiveServer, root: Api) -> None:
    joined = b"".join(
        [
            frame(ping(1)) + frame(ping(2)),  # two in one segment
            frame(ping(3)[:5], first=0x01) + frame(ping(3)[5:], first=0x80),  # one in two frames
            frame(b"are you there", first=0x89),  # a protocol ping in between
            frame(json.dumps({"type": "ping", "id": 4, "payload": {"x": "y" * 300}}).encode()),
            frame(ping(5)),
        ]
    )
    for step in (len(joined), 200, 7, 1):
        with raw_socket(live, root.token) as raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for start in range(0, len(joined), step):
                raw.sendall(joined[start : start + step])
            answers = [read_frame(raw) for _ in range(6)]
            assert [json.loads(text)["id"] for opcode, text in answers if opcode == Opcode.TEXT] == [1, 2, 3, 4, 5]
            assert [text for opcode, text in answers if opcode == Opcode.PONG] == [b"are you there"]


@pytest.mark.parametrize(
    "sent", [frame(b'"\xff"'), frame(b'"\xff', first=0x01) + frame(b'"', first=0x80)], ids=["one frame", "two frames"]
)
def test_text_that_is_not_utf_8_is_closed_with_1007_and_nobody_else_is(
    live: LiveServer, root: Api, sent: bytes
) -> None:
    async def scenario() -> None:
        async with viewer(live.ws_url, root.token) as other:
            with raw_socket(live, root.token) as raw:
                raw.sendall(sent)
                opcode, payload = await asyncio.to_thread(read_frame, raw)
                assert (opcode, int.from_bytes(payload[:2], "big")) == (Opcode.CLOSE, 1007)
            assert (await other.ask("ping"))["type"] == "pong"

    asyncio.run(scenario())
    assert "Traceback" not in live.log
