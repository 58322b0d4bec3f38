"""Clients that hold connections without using them are cut, limited and counted."""

import asyncio
import contextlib
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.security.test_closing import exactly, handshake
from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.viewer import contents, viewer

REQUEST_SECONDS = 1.0
MANY = 300
START = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BODY = b"POST /api/tickets HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: a=b\r\nContent-Length: 1000000\r\n\r\n"
WHOLE = START + b"\r\n"
UPGRADE = handshake()[:-2]
OTHER_ADDRESS = "127.0.0.2"  # not one that may be a proxy's

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")


class Server(LiveServer):
    """A server that may open as many files as `files` says."""

    files = 0
    options: tuple[str, ...] = ()

    def start(self) -> None:
        if self.files:
            self.command = (
                "-c",
                f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({self.files}, {self.files}));"
                "os.execv(sys.executable, [sys.executable, 'manage.py', 'serve'])",
            )
        elif self.options:
            self.command = ("manage.py", "serve", *self.options)
        super().start()


@contextmanager
def serving(folder: Path, /, files: int = 0, options: tuple[str, ...] = (), **env: str) -> Iterator[Server]:
    server = Server(folder, **{"STREAM_REQUEST_SECONDS": str(REQUEST_SECONDS), **env})
    server.files, server.options = files, options
    with server:
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("slow")) as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def _many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4_000)), hard))


def connected(server: LiveServer, source: str = "127.0.0.1", sent: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=10, source_address=(source, 0))
    with contextlib.suppress(ConnectionError):  # cut already, to make room
        client.sendall(sent)
    return client


def ended(client: socket.socket) -> bool:
    """Whether the server has ended the connection."""
    client.settimeout(0)
    try:
        return client.recv(65_536) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def wait_for(reached: Callable[[], bool], seconds: float, what: str) -> float:
    start = time.monotonic()
    while not reached():
        assert time.monotonic() - start < seconds, f"waited {seconds} s in vain for {what}"
        time.sleep(0.05)
    return time.monotonic() - start


def metric(server: LiveServer, name: str) -> float:
    with contextlib.closing(connected(server)) as client:
        token = server.token("root", "--superuser")
        request = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n"
        client.sendall(request % token.encode())
        page = b"".join(iter(lambda: client.recv(65_536), b"")).decode()
    return next((float(line.split()[1]) for line in page.splitlines() if line.startswith(name + " ")), 0.0)


def drip(clients: list[socket.socket]) -> None:
    for client in clients:
        with contextlib.suppress(OSError):
            client.send(b"x")


@pytest.mark.parametrize(
    "sent", [b"", START + b"X-Slow: ", BODY, UPGRADE], ids=["nothing", "header", "body", "WebSocket handshake"]
)
def test_dripping_sockets_are_cut_while_healthz_and_a_viewer_are_served(server: Server, sent: bytes) -> None:
    root = Api(server.url, server.token("root", "--superuser"))
    agent = root.agent(root.workspace(f"w{time.time_ns()}")["id"])["id"]
    clients = [connected(server, sent=sent) for _ in range(MANY)]
    begin = time.monotonic()

    async def watch() -> None:
        async with viewer(server.ws_url, root.token) as one:
            await one.subscribe("agent", agent)
            number = 0
            while not all(map(ended, clients)):
                assert time.monotonic() - begin < 8, f"{sum(not ended(each) for each in clients)} still held"
                if sent:
                    drip(clients)
                number += 1
                await asyncio.to_thread(root.post, f"/agents/{agent}/output", {"content": str(number)})
                assert contents(await one.events(1, 5)) == [str(number)]
                await asyncio.to_thread(healthy, server)
                await asyncio.sleep(0.1)

    asyncio.run(watch())
    assert time.monotonic() - begin >= REQUEST_SECONDS
    for client in clients:
        client.close()


def healthy(server: LiveServer) -> None:
    with contextlib.closing(connected(server, sent=WHOLE)) as client:
        assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_a_body_that_keeps_arriving_is_not_cut(server: Server) -> None:
    """Three times the deadline, at more than the rate that is asked for."""
    with contextlib.closing(connected(server, sent=BODY.replace(b"1000000", b"60000"))) as client:
        for _ in range(30):
            time.sleep(0.1)
            client.sendall(b"x" * 2_000)
        assert client.recv(100).startswith(b"HTTP/1.1 4")  # 401: nobody says who they are


def test_a_connection_that_is_being_answered_is_not_cut(server: Server) -> None:
    root = Api(server.url, server.token("root", "--superuser"))
    agent = root.agent(root.workspace(f"w{time.time_ns()}")["id"])["id"]
    request = f"GET /api/agents/{agent}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {root.token}\r\n\r\n"
    with contextlib.closing(connected(server, sent=request.replace("Host: x", "Host: 127.0.0.1").encode())) as client:
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        until = time.monotonic() + 3 * REQUEST_SECONDS
        while time.monotonic() < until:
            assert not ended(client)
            time.sleep(0.1)


def test_a_connection_kept_alive_may_wait_for_its_next_request_longer_than_for_a_header(server: Server) -> None:
    with contextlib.closing(connected(server, sent=WHOLE)) as client:
        client.recv(10_000)
        time.sleep(2 * REQUEST_SECONDS)
        client.settimeout(5)
        client.sendall(WHOLE)
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        client.recv(10_000)
        client.sendall(START)
        wait_for(lambda: ended(client), 5, "the second request's deadline")


@on_linux
def test_one_address_is_limited_and_others_are_served(tmp_path: Path) -> None:
    with serving(tmp_path, STREAM_CONNECTIONS_PER_ADDRESS="20", STREAM_REQUEST_SECONDS="30") as server:
        held = [connected(server, OTHER_ADDRESS) for _ in range(20)]
        with contextlib.closing(connected(server, OTHER_ADDRESS)) as client:
            answer = client.recv(1_000)
        assert answer.startswith(b"HTTP/1.1 429")
        assert b"Retry-After: 5" in answer
        assert metric(server, 'agentstream_connections_refused_total{reason="address"}') == 1
        healthy(server)
        held.pop().close()
        wait_for(lambda: _served(server, OTHER_ADDRESS), 5, "a place to be free again")
        for client in held:
            client.close()


def _served(server: LiveServer, source: str) -> bool:
    with contextlib.closing(connected(server, source, WHOLE)) as client:
        return client.recv(100).startswith(b"HTTP/1.1 200")


@on_linux
def test_of_too_many_pending_connections_the_oldest_make_room(tmp_path: Path) -> None:
    with serving(
        tmp_path, STREAM_PENDING_PER_ADDRESS="20", STREAM_PENDING_CONNECTIONS="50", STREAM_REQUEST_SECONDS="60"
    ) as server:
        first = [connected(server, OTHER_ADDRESS, START) for _ in range(30)]
        wait_for(lambda: sum(map(ended, first)) == 10, 5, "those beyond the address's limit to be cut")
        assert all(map(ended, first[:10])), "the oldest"
        assert not any(map(ended, first[10:]))
        second = [connected(server, sent=START) for _ in range(60)]
        wait_for(lambda: sum(map(ended, second)) == 10, 5, "those beyond the limit to be cut")
        assert all(map(ended, first)), "the oldest"
        healthy(server)
        assert metric(server, 'agentstream_tcp_connections{state="header"}') >= 49
        for client in first + second:
            client.close()


def test_behind_a_proxy_clients_are_limited_by_what_the_proxy_says(tmp_path: Path) -> None:
    with serving(tmp_path, options=("--proxy-headers",), STREAM_CONNECTIONS_PER_ADDRESS="5") as server:
        token = server.token("root", "--superuser")
        held = [_socket_of(server, token, b"9.9.9.9, 10.0.0.1")[0] for _ in range(5)]
        assert _socket_of(server, token, b"8.8.8.8, 10.0.0.1")[1].startswith(b"HTTP/1.1 429"), "the last counts"
        others = [_socket_of(server, token, b"10.0.0.%d" % number) for number in range(2, 12)]
        assert all(head.startswith(b"HTTP/1.1 101") for _, head in others)
        held.pop().close()
        wait_for(lambda: _socket_of(server, token, b"10.0.0.1")[1].startswith(b"HTTP/1.1 101"), 5, "a free place")


def _socket_of(server: LiveServer, token: str, address: bytes) -> tuple[socket.socket, bytes]:
    client = connected(server, sent=handshake(token, b"X-Forwarded-For: " + address))
    return client, exactly(client, 12)


def test_file_descriptors_are_reserved_for_the_database(tmp_path: Path) -> None:
    """More sockets than files: those beyond get a 503, and what is served needs no socket for the database."""
    with serving(tmp_path, files=300, STREAM_RESERVED_FILES="150", STREAM_REQUEST_SECONDS="60") as server:
        root = Api(server.url, server.token("root", "--superuser"))
        agent = root.agent(root.workspace("w")["id"])["id"]
        token = root.token
        assert token
        held = [_open_socket(server, token) for _ in range(145)]
        idle = [connected(server, sent=START) for _ in range(400)]
        assert root.post(f"/agents/{agent}/output", {"content": "there is room"}).status in (200, 201)
        healthy(server)
        assert root.get(f"/agents/{agent}/events?since=0").status == 200
        more = [_open_socket(server, token) for _ in range(20)]
        assert more[0][1].startswith(b"HTTP/1.1 101")
        assert more[-1][1].startswith(b"HTTP/1.1 503"), more[-1]
        for client in [each for each, _ in held + more] + idle:
            client.close()
        wait_for(lambda: _served(server, "127.0.0.1"), 5, "the server to have room again")


def _open_socket(server: LiveServer, token: str) -> tuple[socket.socket, bytes]:
    client = connected(server, sent=handshake(token))
    return client, exactly(client, 12)


def test_the_soft_limit_on_open_files_is_raised(server: Server) -> None:
    if sys.platform != "linux":
        pytest.skip("/proc")
    limits = Path(f"/proc/{server.pid}/limits").read_text()
    soft, hard = next(line for line in limits.splitlines() if line.startswith("Max open files")).split()[3:5]
    assert soft == hard or int(soft) >= 1_048_576
