"""RFC 6455, by the case families 1 to 7, 9 and 10 of the Autobahn testsuite, with raw sockets on a real server.

Where that echoes, this server answers: a JSON `ping` with a `pong`, anything else with an `error`. What is stricter or
looser than the RFC is in docs/reference/protocol.md.
"""

import json
import os
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.security.test_closing import connection, exactly, handshake
from tests.support.api import Api
from tests.support.server import LiveServer

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MIB = 1_048_576


def frame(
    opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, masked: bool = True, form: int = 0
) -> bytes:
    """A client's frame. `form`: the length's encoding, 7, 16 or 64 bits; 0 for the shortest."""
    first = (0x80 if final else 0) | reserved << 4 | opcode
    mask_bit = 0x80 if masked else 0
    form = form or (7 if len(payload) < 126 else 16 if len(payload) < 65_536 else 64)
    match form:
        case 7:
            head = struct.pack("!BB", first, mask_bit | len(payload))
        case 16:
            head = struct.pack("!BBH", first, mask_bit | 126, len(payload))
        case _:
            head = struct.pack("!BBQ", first, mask_bit | 127, len(payload))
    if not masked:
        return head + payload
    key = os.urandom(4)
    stream = (key * (len(payload) // 4 + 1))[: len(payload)]
    return head + key + (int.from_bytes(payload) ^ int.from_bytes(stream)).to_bytes(len(payload))


def ask(name: str = "x", size: int = 0) -> bytes:
    """A `ping` message of at least `size` bytes."""
    return json.dumps({"type": "ping", "id": name}, ensure_ascii=False).encode().ljust(size)


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


def fragments(payload: bytes, size: int, opcode: int = TEXT) -> list[bytes]:
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
    last = len(pieces) - 1
    return [frame(opcode if n == 0 else CONTINUATION, piece, final=n == last) for n, piece in enumerate(pieces)]


# What is expected of the server, in order: ("answer", id), ("error", code), ("pong", payload) or ("close", code)
Expected = tuple[str, Any]
ANSWER: Expected = ("answer", "x")
BAD: Expected = ("close", 1002)
NOT_UTF8: Expected = ("close", 1007)


@dataclass(frozen=True)
class Case:
    """What is sent, in pieces of `chop` bytes if that is not 0, and what comes back."""

    name: str
    sent: Iterable[bytes]
    expected: tuple[Expected, ...]
    chop: int = 0

    def __str__(self) -> str:
        return self.name


def framing() -> Iterable[Case]:
    for size in (31, 125, 126, 127, 128, 65_535, 65_536):
        yield Case(f"1.1 text of {size}", [frame(TEXT, ask(size=size))], (ANSWER,))
        yield Case(f"1.2 binary of {size}", [frame(BINARY, bytes(size)), frame(TEXT, ask())], (("error", None), ANSWER))
    for chop in (1, 2, 997):
        yield Case(f"1.1 text in pieces of {chop}", [frame(TEXT, ask(size=2_000))], (ANSWER,), chop)
        yield Case(f"1.2 binary in pieces of {chop}", [frame(BINARY, bytes(2_000))], (("error", None),), chop)
    yield Case("1.1 empty text", [frame(TEXT), frame(TEXT, ask())], (("error", "INVALID_JSON"), ANSWER))
    yield Case("1.2 empty binary", [frame(BINARY), frame(TEXT, ask())], (("error", None), ANSWER))
    yield Case("5.1 not masked", [frame(TEXT, ask(), masked=False)], (BAD,))
    yield Case("5.2 length in 16 bits that fits 7", [frame(TEXT, ask(), form=16)], (BAD,))
    yield Case("5.2 length in 64 bits that fits 7", [frame(TEXT, ask(), form=64)], (BAD,))
    yield Case("5.2 length in 64 bits that fits 16", [frame(TEXT, ask(size=300), form=64)], (BAD,))
    yield Case("5.2 length with its highest bit", [b"\x81\xff" + b"\xff" * 8 + bytes(4)], (BAD,))


def pings() -> Iterable[Case]:
    for payload in (b"", b"Hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125):
        yield Case(f"2 ping of {len(payload)}", [frame(PING, payload)], (("pong", payload),))
        yield Case(f"2 ping of {len(payload)} by the byte", [frame(PING, payload)], (("pong", payload),), 1)
    yield Case("2.5 ping of 126", [frame(PING, bytes(126))], (BAD,))
    yield Case("2.7 unasked pong", [frame(PONG), frame(TEXT, ask())], (ANSWER,))
    yield Case("2.8 unasked pong with payload", [frame(PONG, b"unasked"), frame(TEXT, ask())], (ANSWER,))
    yield Case("2.9 unasked pong, ping", [frame(PONG, b"unasked"), frame(PING, b"ping")], (("pong", b"ping"),))
    ten = [frame(PING, b"%d" % n) for n in range(10)]
    for chop in (0, 1):
        yield Case(f"2.10 ten pings in pieces of {chop}", ten, tuple(("pong", b"%d" % n) for n in range(10)), chop)


def reserved_bits() -> Iterable[Case]:
    for bits in range(1, 8):
        for opcode in (TEXT, BINARY, PING, PONG, CLOSE):
            yield Case(f"3 bits {bits} in opcode {opcode}", [frame(opcode, b"", reserved=bits)], (BAD,))
        bad = frame(TEXT, ask("y"), reserved=bits)
        for chop in (0, 1):
            sent = [frame(TEXT, ask()), bad, frame(PING)]
            yield Case(f"3 bits {bits} between good frames, {chop}", sent, (ANSWER, BAD), chop)


def opcodes() -> Iterable[Case]:
    for opcode in (*range(3, 8), *range(11, 16)):
        for payload in (b"", b"payload"):
            yield Case(f"4 opcode {opcode} with {len(payload)} bytes", [frame(opcode, payload)], (BAD,))
        sent = [frame(TEXT, ask()), frame(opcode), frame(PING)]
        yield Case(f"4 opcode {opcode} after a text", sent, (ANSWER, BAD))
        yield Case(f"4 opcode {opcode} after a text, by the byte", sent, (ANSWER, BAD), 1)


def fragmentation() -> Iterable[Case]:
    halves = fragments(ask(size=40), 20)
    yield Case("5.1 ping in two fragments", [frame(PING, b"a", final=False), frame(CONTINUATION, b"b")], (BAD,))
    yield Case("5.2 pong in two fragments", [frame(PONG, b"a", final=False), frame(CONTINUATION, b"b")], (BAD,))
    yield Case("5.2 close in two fragments", [frame(CLOSE, b"\x03\xe8", final=False)], (BAD,))
    for chop in (0, 1):
        yield Case(f"5.3 text in two fragments, {chop}", halves, (ANSWER,), chop)
        between = [halves[0], frame(PING, b"between"), halves[1]]
        yield Case(f"5.6 ping between fragments, {chop}", between, (("pong", b"between"), ANSWER), chop)
        many = [each for one in fragments(ask(size=60), 10) for each in (one, frame(PING, b"p"))]
        yield Case(f"5.8 pings between fragments, {chop}", many[:-1], (*[("pong", b"p")] * 5, ANSWER), chop)
        for final in (True, False):
            stray = [frame(CONTINUATION, b"stray", final=final), frame(TEXT, ask())]
            yield Case(f"5.9 continuation of nothing, final {final}, {chop}", stray, (BAD,), chop)
            after = [*halves, *stray]
            yield Case(f"5.12 continuation after the end, final {final}, {chop}", after, (ANSWER, BAD), chop)
        yield Case(f"5.15 text within a text, {chop}", [halves[0], frame(TEXT, ask())], (BAD,), chop)
        yield Case(f"5.18 binary within a text, {chop}", [halves[0], frame(BINARY, b"x")], (BAD,), chop)
    empty = [frame(TEXT, final=False), frame(CONTINUATION, final=False), frame(CONTINUATION, ask())]
    yield Case("5 empty fragments before a text", empty, (ANSWER,))
    yield Case("5 binary in fragments", fragments(bytes(100), 30, BINARY), (("error", None),))


TEXTS = {
    "6.1 hebrew": "שלום",
    "6.2 greek and emoji": "Hello-µ@ßöäüàá-UTF-8!! κόσμε 😀",
    "6.5 first of each length": "\u0080\u0800\U00010000",
    "6.7 last of each length": "\u007f\u07ff\uffff\U0010ffff",
    "6.9 around the surrogates": "\ud7ff\ue000\ufffd",
    "6.22 noncharacters": "\ufdd0\ufffe\uffff\U0001fffe\U0001ffff\U0010fffe",
    "6.23 specials": "\ufff9\ufffa\ufffb\ufffc\ufffd\ufeff",
}
NOT_TEXTS = {
    "6.3 a cut code point within": b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    "6.6 cut at the end": b"\xce\xba\xe1\xbd",
    "6.10 beyond U+10FFFF": b"\xf4\x90\x80\x80",
    "6.11 five bytes": b"\xf8\x88\x80\x80\x80",
    "6.11 six bytes": b"\xfc\x84\x80\x80\x80\x80",
    "6.12 a continuation byte": b"\x80",
    "6.12 continuation bytes": b"\x80\xbf\x80",
    "6.13 lonely starts": b"\xc0 \xdf \xef ",
    "6.14 missing the last byte": b"\xf0\x90\x80",
    "6.15 all of those": b"\xc0\xe0\x80\xf0\x80\x80",
    "6.16 FE": b"\xfe",
    "6.16 FF": b"\xff",
    "6.17 overlong slash, 2": b"\xc0\xaf",
    "6.17 overlong slash, 3": b"\xe0\x80\xaf",
    "6.17 overlong slash, 4": b"\xf0\x80\x80\xaf",
    "6.18 longest overlong": b"\xc1\xbf",
    "6.19 overlong NUL": b"\xc0\x80",
    "6.20 a high surrogate": b"\xed\xa0\x80",
    "6.20 a low surrogate": b"\xed\xbf\xbf",
    "6.21 a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
}


def utf8() -> Iterable[Case]:
    for name, text in TEXTS.items():
        answer = (("answer", text),)
        yield Case(name, [frame(TEXT, ask(text))], answer)
        yield Case(f"{name}, by the byte", [frame(TEXT, ask(text))], answer, 1)
        yield Case(f"{name}, a fragment for each byte", fragments(ask(text), 1), answer)
        yield Case(f"{name}, the same by the byte", fragments(ask(text), 1), answer, 1)
    for name, data in NOT_TEXTS.items():
        yield Case(name, [frame(TEXT, data)], (NOT_UTF8,))
        yield Case(f"{name}, in JSON", [frame(TEXT, ask()), frame(TEXT, b'{"id":"' + data + b'"}')], (ANSWER, NOT_UTF8))
        yield Case(f"{name}, in fragments", fragments(data + b" ", 1), (NOT_UTF8,))
        yield Case(f"{name}, by the byte", [frame(TEXT, data)], (NOT_UTF8,), 1)


GOOD_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999)
BAD_CODES = (0, 999, 1004, 1005, 1006, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)


def closes() -> Iterable[Case]:
    normal = (("close", 1000),)
    yield Case("7.1.1 text, close", [frame(TEXT, ask()), close()], (ANSWER, *normal))
    yield Case("7.1.2 two closes", [close(), close()], normal)
    yield Case("7.1.3 ping after close", [close(), frame(PING)], normal)
    yield Case("7.1.4 text after close", [close(), frame(TEXT, ask())], normal)
    half = frame(TEXT, b"half", final=False)
    yield Case("7.1.5 close within a text", [half, close(), frame(CONTINUATION, b"rest")], normal)
    yield Case("7.3.1 empty", [close(None)], (("close", None),))
    yield Case("7.3.2 half a code", [frame(CLOSE, b"\x03")], (BAD,))
    yield Case("7.3.3 without a reason", [close()], normal)
    yield Case("7.3.4 with a reason", [close(1000, b"bye")], normal)
    yield Case("7.3.5 with the longest reason", [close(1000, b"x" * 123)], normal)
    yield Case("7.3.6 with a longer reason", [close(1000, b"x" * 124)], (BAD,))
    yield Case("7.5.1 reason not UTF-8", [close(1000, NOT_TEXTS["6.3 a cut code point within"])], (NOT_UTF8,))
    for code in GOOD_CODES:
        yield Case(f"7.7 {code}", [close(code)], normal)
        yield Case(f"7.7 {code} with a reason, by the byte", [close(code, b"reason")], normal, 1)
    for code in BAD_CODES:
        yield Case(f"7.9 {code}", [close(code)], (BAD,))
        yield Case(f"7.9 {code} with a reason", [close(code, b"reason")], (BAD,))


def sizes() -> Iterable[Case]:
    large = ask(size=65_536)
    for size in (256, 1_300, 4_096, 65_536):
        yield Case(f"9.3 64 KiB in fragments of {size}", fragments(large, size), (ANSWER,))
        yield Case(f"10.1 64 KiB in pieces of {size}", [frame(TEXT, large)], (ANSWER,), size)
    # A frame counts as much as a message, so many small fragments are too many messages.
    yield Case("9.3 64 KiB in fragments of 50", fragments(large, 50), (("close", 4429),))
    too_large = ask(size=65_537)
    yield Case("9.1 more than 64 KiB", [frame(TEXT, too_large), frame(TEXT, ask())], (("error", "TOO_LARGE"), ANSWER))
    yield Case(
        "9.1 a frame of 1 MiB", [frame(TEXT, ask(size=MIB)), frame(TEXT, ask())], (("error", "TOO_LARGE"), ANSWER)
    )
    yield Case("9.1 a frame of more than 1 MiB", [frame(TEXT, ask(size=MIB + 1))], (("close", 1009),))
    yield Case("9.2 a binary frame of more than 1 MiB", [frame(BINARY, bytes(MIB + 1))], (("close", 1009),))
    yield Case("9.3 fragments of more than 1 MiB", fragments(bytes(MIB + 1), 65_536), (("close", 1009),))
    yield Case("9.7 200 messages", [frame(TEXT, ask(size=100))] * 200, (ANSWER,) * 200)
    yield Case("9.7 200 messages by 7 bytes", [frame(TEXT, ask(size=100))] * 200, (ANSWER,) * 200, 7)


CASES = [
    case for family in (framing, pings, reserved_bits, opcodes, fragmentation, utf8, closes, sizes) for case in family()
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rfc_6455(live: LiveServer, root: Api, case: Case) -> None:
    with connection(live, handshake(root.token)) as (client, head):
        assert head.startswith(b"HTTP/1.1 101"), head
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        send(client, b"".join(case.sent), case.chop)
        assert as_expected(client, list(case.expected)) == []
        kind, code = case.expected[-1]
        if kind == "close":
            send(client, close(code), 0)  # a server that waits for this ends the connection at once
        else:
            client.sendall(close(1000, b"bye"))
            assert received(client) == ("close", 1000)
        assert at_end(client), "nothing follows a close frame, and the server ends the connection"


def as_expected(client: socket.socket, expected: list[Expected]) -> list[str]:
    """What is wrong with the server's frames. A close may overtake answers that are still being made."""
    last = expected[-1]
    while expected:
        kind, value = received(client)
        if kind == "close" == last[0]:
            expected = [last]
        wanted = expected.pop(0)
        if kind != wanted[0] or wanted[1] not in (None, value):
            return [f"expected {wanted}, got {(kind, value)}"]
    return []


def send(client: socket.socket, data: bytes, chop: int) -> None:
    try:
        for at in range(0, len(data), chop or len(data)):
            client.sendall(data[at : at + (chop or len(data))])
    except OSError:
        pass  # the server has seen enough; what it said is still to be read


def received(client: socket.socket) -> Expected:
    """The next frame of the server."""
    first, length = exactly(client, 2)
    assert first & 0x70 == 0, "no reserved bits"
    assert first & 0x80, "the server does not fragment"
    assert length < 128, "not masked"
    if length >= 126:
        [length] = struct.unpack("!H" if length == 126 else "!Q", exactly(client, 2 if length == 126 else 8))
    payload = exactly(client, length)
    match first & 0x0F:
        case 1:
            message = json.loads(payload)
            error = message["type"] == "error"
            return ("error", message["payload"]["code"]) if error else ("answer", message.get("id"))
        case 8:
            return ("close", struct.unpack("!H", payload[:2])[0] if payload else None)
        case 10:
            return ("pong", payload)
        case opcode:
            return (f"opcode {opcode}", payload)


def at_end(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
