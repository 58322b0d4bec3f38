"""Nobody can make the server read an unbounded body."""

import socket
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.support.server import LiveServer

LIMIT = 4_194_304
MIB = 1_048_576


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Where the server would put a body that it does not keep in memory."""
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def answer_to(port: int, head: bytes, pieces: int, piece: bytes) -> tuple[bytes, int]:
    """The answer to a request whose body is sent until the server takes no more of it; and how much that was."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(head)
        try:
            for _ in range(pieces):
                client.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
        answer = b""
        try:
            while part := client.recv(65_536):
                answer += part
        except OSError:
            pass
    return answer, sent


ANONYMOUS_LIMIT = 65_536
ANONYMOUS = b"POST /api/agents/00000000-0000-0000-0000-000000000000/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = ANONYMOUS + b"Authorization: Bearer x\r\n"
DECLARED = POST + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (300 * MIB)
CHUNKED = POST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n" % (MIB // 4) + bytes(MIB // 4) + b"\r\n"


@pytest.mark.parametrize(
    ("head", "piece"), [(DECLARED, bytes(MIB // 4)), (CHUNKED, CHUNK)], ids=["declared", "chunked"]
)
def test_a_huge_body_is_refused_before_it_is_read(tmp_path: Path, spool: Path, head: bytes, piece: bytes) -> None:
    with LiveServer(tmp_path, TMPDIR=str(spool)) as server:
        process = psutil.Process(server.pid)
        before = process.memory_info().rss
        answer, sent = answer_to(server.port, head, 1_200, piece)
        assert sent < 40 * MIB, "the connection ends long before the body"
        assert not answer or answer.startswith(b"HTTP/1.1 413"), answer[:200]
        assert process.memory_info().rss - before < 30 * MIB
        assert not list(spool.iterdir())


def test_a_body_that_is_too_large_by_one_byte_gets_a_413_that_says_so(live: LiveServer) -> None:
    head = POST + b"Content-Length: %d\r\n\r\n" % (LIMIT + 1)
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
        client.sendall(head)
        answer = b""
        while part := client.recv(65_536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413"), answer
    assert b"expected a body of at most 4194304 bytes, got 4194305 or more" in answer


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_whoever_shows_no_credential_sends_little(live: LiveServer, chunked: bool) -> None:
    body = bytes(ANONYMOUS_LIMIT + 1)
    for shown, size, status in (
        (ANONYMOUS, ANONYMOUS_LIMIT, b"401"),
        (ANONYMOUS, ANONYMOUS_LIMIT + 1, b"413"),
        (POST, ANONYMOUS_LIMIT + 1, b"401"),
    ):
        sent = body[:size]
        header = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
        piece = b"%x\r\n" % size + sent + b"\r\n0\r\n\r\n" if chunked else sent
        answer, _ = answer_to(live.port, shown + header + b"\r\nConnection: close\r\n\r\n", 1, piece)
        assert answer.startswith(b"HTTP/1.1 " + status), (size, answer[:200])


def test_the_server_keeps_working_after_a_hundred_of_them(live: LiveServer) -> None:
    for _ in range(100):
        answer_to(live.port, DECLARED, 1, b"x")
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(("length", "status"), [(16_000, b"404"), (16_500, b"414"), (60_000, b"414")])
def test_a_request_line_that_is_too_long_is_answered(live: LiveServer, length: int, status: bytes) -> None:
    line = b"GET /" + b"x" * (length - 14) + b" HTTP/1.1\r\n"
    answer, _ = answer_to(live.port, line + b"Host: 127.0.0.1\r\nConnection: close\r\n\r\n", 0, b"")
    assert answer.startswith(b"HTTP/1.1 " + status), answer[:200]


def test_a_header_that_is_too_long_is_answered(live: LiveServer) -> None:
    answer, _ = answer_to(live.port, b"GET / HTTP/1.1\r\nCookie: " + b"x" * 20_000 + b"\r\n\r\n", 0, b"")
    assert answer.startswith(b"HTTP/1.1 431"), answer[:200]
