"""Nothing a client sends holds the event loop for longer than 20 ms of processor time, over WebSocket and HTTP."""

import asyncio
import json
import os
import signal
import socket
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.support.api import Api
from tests.support.server import LiveServer

LIMIT_SECONDS = 0.020
TRIES = 3  # the shortest counts: other programs on the machine add processor time of their own (caches, page faults)
MIB = 1_048_576
NOBODY = str(uuid.uuid4())


class ObservedServer(LiveServer):
    """A server that says for how long callbacks held its event loop."""

    def __init__(self, data_dir: Path, **env: str) -> None:
        super().__init__(data_dir, **env)
        self.report = data_dir / "report.json"
        self.command = ("-m", "tests.support.probe", "slices", str(self.report))

    def begin(self) -> None:
        os.kill(self.pid, signal.SIGUSR1)

    def longest(self) -> float:
        self.report.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR2)
        deadline = time.monotonic() + 5
        while not self.report.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        seconds: float = json.loads(self.report.read_text())
        return seconds


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObservedServer]:
    unlimited = {"STREAM_MESSAGES_BURST": "100000", "STREAM_BAD_MESSAGES": "100000"}
    with ObservedServer(tmp_path_factory.mktemp("observed"), **unlimited) as server:
        yield server


@pytest.fixture(scope="module")
def stranger(server: ObservedServer) -> Api:
    """A user who isn't a member of any workspace."""
    return Api(server.url, server.token("stranger"))


@pytest.fixture(scope="module")
def agent_id(server: ObservedServer) -> str:
    root = Api(server.url, server.token("root", "--create", "--superuser"))
    agent: str = root.agent(root.workspace("w")["id"])["id"]
    return agent


def filled(before: str, item: str, after: str, size: int = MIB - 16) -> str:
    """`before`, then `item` as often as it fits into `size` bytes, separated by commas, then `after`."""
    count = (size - len(before) - len(after) + 1) // (len(item) + 1)
    return before + ",".join([item] * count) + after


def publish_to(agent_id: str, events: tuple[str, str]) -> str:
    head = f'{{"type":"publish:agent","payload":{{"agentId":"{agent_id}","producer":"p","events":['
    return filled(head + events[0], "{}", events[1] + "]}}")


def payload_of(item: str) -> tuple[str, str]:
    return f'{{"n":1,"type":"agent:output","payload":{{"content":"","x":[{item},', "]}}"


WIDE = ("", "")  # events: [{},{},…]
DEEP_IN_AN_EVENT = payload_of("{}")


async def sent_over_websocket(
    server: ObservedServer, token: str, message: str, repeated: int = 1, expected: str = ""
) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(server.ws_url, additional_headers=headers, max_size=None) as socket:
        for _ in range(repeated):
            await socket.send(message)
        for _ in range(repeated):
            answer = json.loads(await socket.recv())
            assert not expected or answer["type"] == expected, answer


def longest_of(server: ObservedServer, attack: Any) -> float:
    found = []
    for _ in range(TRIES):
        server.begin()
        attack()
        found.append(server.longest())
    return min(found)


def hostile_messages(agent_id: str) -> list[tuple[str, str]]:
    subscribe = f'{{"type":"subscribe:agent","payload":{{"agentId":"{NOBODY}","x":['
    return [
        ("a publication to nobody's agent, of empty objects", publish_to(NOBODY, WIDE)),
        ("a publication of empty objects", publish_to(agent_id, WIDE)),
        ("a publication of one event with a huge unknown field", publish_to(agent_id, DEEP_IN_AN_EVENT)),
        ("a subscription with a huge unknown field", filled(subscribe, "{}", "]}}")),
        ("an id that is a list", filled('{"type":"ping","id":[', "{}", "]}")),
        ("an agent's id that is a list", filled('{"type":"publish:agent","payload":{"agentId":[', "{}", "]}}")),
        ("a huge list instead of a message", filled("[", "{}", "]")),
        ("huge whitespace", " " * (MIB - 16)),
        ("a huge number", '{"type":"ping","id":' + "9" * (MIB - 64) + "}"),
        ("many keys", "{" + ",".join(f'"{n:06x}":0' for n in range(90_000)) + "}"),
    ]


@pytest.mark.parametrize("index", range(10))
def test_no_message_over_websocket_holds_the_event_loop(
    server: ObservedServer, agent_id: str, stranger: Api, index: int
) -> None:
    root = server.token("root", "--create", "--superuser")
    name, message = hostile_messages(agent_id)[index]
    assert len(message) <= MIB
    longest = longest_of(server, lambda: asyncio.run(sent_over_websocket(server, root, message)))
    assert longest < LIMIT_SECONDS, f"{name}: {longest * 1000:.1f} ms"


def event_of(type_: str, before: str, item: str, after: str, agent_id: str, size: int = 479_000) -> str:
    """A publication of one event that is as large as one may be, before it is known what is in it."""
    head = f'{{"type":"publish:agent","payload":{{"agentId":"{agent_id}","producer":"p","events":['
    return head + filled(f'{{"n":1,"type":"{type_}","payload":{before}', item, f"{after}}}", size) + "]}}"


REQUEST = (
    "agent:request",
    '{"requestId":"r","kind":"input","title":"t","tool":{"name":"x","input":{"a":[',
)

HOSTILE_EVENTS = {
    "a tool's input of large numbers": ("agent:output", '{"content":"","toolInput":{"a":[', "1.79e308", "]}}"),
    "a tool's input of long numbers": ("agent:output", '{"content":"","toolInput":{"a":[', "9" * 4000, "]}}"),
    "a request of large numbers": (*REQUEST, "1.7976931348623157e308", "]}}}"),
    "a request of empty objects": (*REQUEST, "{}", "]}}}"),
    "a request of empty options": (
        "agent:request",
        '{"requestId":"r","kind":"plan","title":"t","options":[',
        "{}",
        "]}",
    ),
    "a tool's input of empty objects": ("agent:output", '{"content":"","toolInput":{"a":[', "{}", "]}}"),
    "a tool's input of empty texts": ("agent:output", '{"content":"","toolInput":{"a":[', '""', "]}}"),
    "a tool's input of brackets in text": ("agent:output", '{"content":"","toolInput":{"a":"', "[{", '"}}'),
    "a tool's input of quotes in text": ("agent:output", '{"content":"","toolInput":{"a":"', '\\"[', '"}}'),
    "a tool's input of numbers": ("agent:output", '{"content":"","toolInput":{"a":[', "1.5", "]}}"),
    "a tool's input twice": ("agent:output", '{"content":"","toolInput":{},"toolInput":{"a":[', "{}", "]}}"),
    "changes of nothing": ("agent:output", '{"content":"","changes":[', "{}", "]}"),
    "changes of empty patches": ("agent:output", '{"content":"","changes":[', '{"path":"a","patch":""}', "]}"),
    "attachments of nothing": ("agent:output", '{"content":"","attachments":[', "{}", "]}"),
    "a plan of nothing": ("agent:plan", '{"entries":[', "{}", "]}"),
    "a plan of small steps": ("agent:plan", '{"entries":[', '{"content":"a","status":"pending"}', "]}"),
    "usage of nothing": ("agent:usage", '{"limits":[', "{}", "]}"),
    "a session of nothing": ("agent:session", '{"session":"s","change":"started","x":[', "{}", "]}"),
}


@pytest.mark.parametrize("name", HOSTILE_EVENTS)
def test_no_event_holds_the_event_loop(server: ObservedServer, agent_id: str, name: str) -> None:
    root = server.token("root", "--create", "--superuser")
    message = event_of(*HOSTILE_EVENTS[name], agent_id)
    longest = longest_of(server, lambda: asyncio.run(sent_over_websocket(server, root, message)))
    assert longest < LIMIT_SECONDS, f"{name}: {longest * 1000:.1f} ms"


LARGE = {
    "a request with as many large numbers as may be": ((*REQUEST, "1.2e300", "]}}}"), 155_000),
    "a tool's input of as many lists as may be": (
        ("agent:output", '{"content":"","toolInput":{"a":[', "[]", "]}}"),
        29_000,
    ),
    "a tool's input of as many keys as may be": (
        ("agent:output", '{"content":"","toolInput":{"a":[', '{"abcdefgh":1.5}', "]}}"),
        165_000,
    ),
    "200 patches": (
        ("agent:output", '{"content":"","changes":[', f'{{"path":"a","patch":"{"é" * 580}"}}', "]}"),
        118_000,
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_no_large_event_that_is_taken_holds_the_event_loop(server: ObservedServer, agent_id: str, name: str) -> None:
    root = server.token("root", "--create", "--superuser")
    event, size = LARGE[name]

    def publish() -> None:
        message = event_of(*event, agent_id, size).replace('"producer":"p"', f'"producer":"{uuid.uuid4()}"')
        asyncio.run(sent_over_websocket(server, root, message, expected="published"))

    longest = longest_of(server, publish)
    assert longest < LIMIT_SECONDS, f"{name}: {longest * 1000:.1f} ms"


def test_a_full_publication_does_not_hold_the_event_loop(server: ObservedServer, agent_id: str) -> None:
    root = Api(server.url, server.token("root", "--create", "--superuser"))

    def publish() -> None:
        producer = uuid.uuid4().hex
        events = [{"n": n, "type": "agent:output", "payload": {"content": "x" * 120}} for n in range(1, 5_001)]
        sent = root.post(f"/agents/{agent_id}/events", {"producer": producer, "events": events})
        assert sent.status == 200, sent

    longest = longest_of(server, publish)
    assert longest < LIMIT_SECONDS, f"{longest * 1000:.1f} ms"


def test_many_small_messages_at_once_do_not_hold_the_event_loop(server: ObservedServer, stranger: Api) -> None:
    assert stranger.token
    token = stranger.token
    longest = longest_of(server, lambda: asyncio.run(sent_over_websocket(server, token, '{"type":"ping"}', 5_000)))
    assert longest < LIMIT_SECONDS, f"{longest * 1000:.1f} ms"


def test_many_connections_at_once_do_not_hold_the_event_loop(server: ObservedServer) -> None:
    def connect_all() -> None:
        with ExitStack() as clients:
            os.kill(server.pid, signal.SIGSTOP)  # so that all are waiting when it looks
            for _ in range(600):
                clients.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            os.kill(server.pid, signal.SIGCONT)
            last = clients.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            last.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert last.recv(100).startswith(b"HTTP/1.1 200")

    longest = longest_of(server, connect_all)
    assert longest < LIMIT_SECONDS, f"{longest * 1000:.1f} ms"


HOSTILE_BODIES = [
    ("empty objects", filled('{"producer":"p","events":[', "{}", "]}"), "application/json"),
    ("a huge unknown field", filled('{"producer":"p","events":[],"x":[', "{}", "]}"), "application/json"),
    ("empty lines", "\n" * (MIB - 16), "application/x-ndjson"),
    ("lines of empty objects", "{}\n" * (MIB // 3 - 16), "application/x-ndjson"),
]


@pytest.mark.parametrize(("body", "type_"), [row[1:] for row in HOSTILE_BODIES], ids=[row[0] for row in HOSTILE_BODIES])
def test_no_body_over_http_holds_the_event_loop(
    server: ObservedServer, agent_id: str, stranger: Api, body: str, type_: str
) -> None:
    root = Api(server.url, server.token("root", "--create", "--superuser"))

    def send() -> None:
        for caller in (root, stranger):
            answer = caller.call(
                "POST", f"/agents/{agent_id}/events", body.encode(), Content_Type=type_, X_Producer="p"
            )
            assert answer.status in (400, 403, 404, 413), answer

    longest = longest_of(server, send)
    assert longest < LIMIT_SECONDS, f"{longest * 1000:.1f} ms"


def test_a_publication_of_as_many_sessions_as_may_be_does_not_hold_the_event_loop(
    server: ObservedServer, agent_id: str
) -> None:
    root = Api(server.url, server.token("root", "--create", "--superuser"))

    def publish() -> None:
        tag = uuid.uuid4().hex
        usage = [("agent:usage", {"session": f"{tag}{n}", "model": f"{n}", "costUsd": n}) for n in range(2_500)]
        started = [("agent:session", {"session": f"{tag}{n}", "change": "started"}) for n in range(2_500)]
        events = [{"n": n, "type": type_, "payload": what} for n, (type_, what) in enumerate([*usage, *started], 1)]
        began = time.monotonic()
        sent = root.post(f"/agents/{agent_id}/events", {"producer": tag, "events": events})
        assert sent.status == 200, sent
        assert time.monotonic() - began < 10, "others wait meanwhile"

    longest = longest_of(server, publish)
    assert longest < LIMIT_SECONDS, f"{longest * 1000:.1f} ms"


def test_the_largest_attachment_does_not_hold_the_event_loop(server: ObservedServer, agent_id: str) -> None:
    root = Api(server.url, server.token("root", "--create", "--superuser"))
    image = b"\x89PNG\r\n\x1a\n" + bytes(10 * MIB - 8)
    kept = []

    def send() -> None:
        made = root.call("POST", f"/agents/{agent_id}/attachments", image, Content_Type="image/png")
        assert made.status == 201, made
        kept.append(made.data["id"])

    def fetch() -> None:
        headers = {"Authorization": f"Bearer {root.token}"}
        request = urllib.request.Request(f"{server.url}/api/attachments/{kept[0]}", headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert len(answer.read()) == len(image)

    for attack in (send, fetch):
        longest = longest_of(server, attack)
        assert longest < LIMIT_SECONDS, f"{attack.__name__}: {longest * 1000:.1f} ms"


FILL = """
from agents.models import Agent
from streams.models import Stream
agents = [Agent(workspace_id="{}", name=f"agent {{n}}", labels={{"host": "h", "repo": "r"}}) for n in range(20_000)]
Agent.objects.bulk_create(agents, 500)
Stream.objects.bulk_create([Stream(name=f"agent.{{agent.pk}}") for agent in agents], 500)
"""


def test_a_workspace_of_20_000_agents_does_not_hold_the_event_loop(server: ObservedServer) -> None:
    root = Api(server.url, server.token("root", "--create", "--superuser"))
    workspace_id = root.workspace("large")["id"]
    server.run("shell", "--no-imports", "-c", FILL.format(workspace_id))

    async def subscribe() -> int:
        headers = {"Authorization": f"Bearer {root.token}"}
        async with connect(server.ws_url, additional_headers=headers, max_size=None) as socket:
            await socket.send(json.dumps({"type": "subscribe:workspace", "payload": {"workspaceId": workspace_id}}))
            count, more = 0, True
            while more:
                message = json.loads(await asyncio.wait_for(socket.recv(), 60))
                state = message["payload"].get("state", message["payload"])
                if "agents" in state:
                    count, more = count + len(state["agents"]), state["more"]
            return count

    def attack() -> None:
        assert asyncio.run(subscribe()) == 20_000
        assert len(root.get(f"/workspaces/{workspace_id}/agents").data) == 1_000

    longest = longest_of(server, attack)
    assert longest < LIMIT_SECONDS, f"{longest * 1000:.1f} ms"
