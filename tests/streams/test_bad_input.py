"""Bad input gets a clear error, doesn't affect others, and is logged in one line at most."""

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.api import Api, agent_of, report
from tests.support.server import LiveServer
from tests.support.viewer import Viewer, contents, viewer

NOBODY = str(uuid.uuid4())

BAD: list[tuple[str, str | bytes, str]] = [
    ("not JSON", "hello", "INVALID_JSON"),
    ("nothing", "", "INVALID_JSON"),
    ("cut JSON", '{"type": "ping"', "INVALID_JSON"),
    ("NaN", '{"type": "ping", "id": NaN}', "INVALID_JSON"),
    ("a lone surrogate", '{"type": "\\ud800"}', "INVALID_JSON"),
    ("too deep", '{"type": "ping", "payload": {"a": ' + "[" * 50_000, "INVALID_JSON"),
    ("an infinite id", '{"type": "ping", "id": 1e400}', "INVALID_MESSAGE"),
    ("1 MiB of nothing", " " * (1024 * 1024), "INVALID_JSON"),
    ("not an object", "[1, 2]", "INVALID_MESSAGE"),
    ("null", "null", "INVALID_MESSAGE"),
    ("no type", "{}", "INVALID_MESSAGE"),
    ("a number for a type", '{"type": 5}', "INVALID_MESSAGE"),
    ("a list for a payload", '{"type": "ping", "payload": []}', "INVALID_MESSAGE"),
    ("an object for an id", '{"type": "ping", "id": {}}', "INVALID_MESSAGE"),
    ("binary", b"\x00\x01", "INVALID_MESSAGE"),
    ("an unknown type", '{"type": "dance"}', "UNKNOWN_MESSAGE_TYPE"),
    ("an unknown kind", '{"type": "subscribe:planet"}', "UNKNOWN_MESSAGE_TYPE"),
    ("nothing to publish to", '{"type": "publish:workspace"}', "UNKNOWN_MESSAGE_TYPE"),
    ("ping of something", '{"type": "ping:agent"}', "UNKNOWN_MESSAGE_TYPE"),
    ("nothing to answer", '{"type": "answer:workspace"}', "UNKNOWN_MESSAGE_TYPE"),
    ("an answer to nobody", json.dumps({"type": "answer:agent", "payload": {"agentId": NOBODY}}), "NOT_FOUND"),
    ("nothing to publish to oneself", '{"type": "publish:inbox"}', "UNKNOWN_MESSAGE_TYPE"),
    ("the inbox by its kind's name", '{"type": "subscribe:person"}', "UNKNOWN_MESSAGE_TYPE"),
    ("since as text in one's inbox", '{"type": "subscribe:inbox", "payload": {"since": "1"}}', "INVALID_MESSAGE"),
    ("no id", '{"type": "subscribe:agent"}', "INVALID_MESSAGE"),
    ("an id that is none", '{"type": "subscribe:agent", "payload": {"agentId": "x"}}', "INVALID_MESSAGE"),
    ("a number for an id", '{"type": "subscribe:agent", "payload": {"agentId": 7}}', "INVALID_MESSAGE"),
    ("the other id", json.dumps({"type": "subscribe:agent", "payload": {"workspaceId": NOBODY}}), "INVALID_MESSAGE"),
    ("nobody's id", json.dumps({"type": "subscribe:agent", "payload": {"agentId": NOBODY}}), "NOT_FOUND"),
    (
        "since before the beginning",
        json.dumps({"type": "subscribe:agent", "payload": {"agentId": NOBODY, "since": -1}}),
        "INVALID_MESSAGE",
    ),
    (
        "since as text",
        json.dumps({"type": "subscribe:agent", "payload": {"agentId": NOBODY, "since": "1"}}),
        "INVALID_MESSAGE",
    ),
    (
        "since beyond all numbers",
        json.dumps({"type": "subscribe:agent", "payload": {"agentId": NOBODY, "since": 10**30}}),
        "INVALID_MESSAGE",
    ),
    (
        "a publication to no agent, checked for access before its events",
        json.dumps({"type": "publish:agent", "payload": {"agentId": NOBODY, "producer": "p", "events": []}}),
        "NOT_FOUND",
    ),
    (
        "a message over 64 KiB",
        json.dumps({"type": "ping", "payload": {"x": "y" * 70_000}}),
        "TOO_LARGE",
    ),
]


@pytest.mark.parametrize(("sent", "code"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input_gets_the_documented_error(live: LiveServer, root: Api, sent: str | bytes, code: str) -> None:
    logged = len(live.log)

    async def scenario() -> None:
        async with viewer(live.ws_url, root.token) as one:
            await one.socket.send(sent)
            answer = await one.next()
            assert answer["type"] == "error", answer
            assert answer["payload"]["code"] == code, answer
            assert answer["payload"]["message"]
            assert answer["timestamp"].endswith("Z")
            assert await one.silent(0.01), "the connection goes on"

    asyncio.run(scenario())
    assert "Traceback" not in live.log[logged:]
    assert live.log[logged:].count("\n") <= 1


EVENTS: list[tuple[str, dict[str, Any], str]] = [
    ("input is a person's", {"n": 1, "type": "agent:input", "payload": {"content": "x"}}, "INVALID_MESSAGE"),
    ("an unknown event", {"n": 1, "type": "agent:dance", "payload": {}}, "INVALID_MESSAGE"),
    ("no content", {"n": 1, "type": "agent:output", "payload": {}}, "INVALID_MESSAGE"),
    ("a number for content", {"n": 1, "type": "agent:output", "payload": {"content": 3}}, "INVALID_MESSAGE"),
    (
        "a role that is none",
        {"n": 1, "type": "agent:output", "payload": {"content": "", "role": "x"}},
        "INVALID_MESSAGE",
    ),
    ("a status that is none", {"n": 1, "type": "agent:status", "payload": {"status": "busy"}}, "INVALID_MESSAGE"),
    ("101 %", {"n": 1, "type": "agent:context", "payload": {"contextLevel": 101}}, "INVALID_MESSAGE"),
    ("half a percent", {"n": 1, "type": "agent:context", "payload": {"contextLevel": 0.5}}, "INVALID_MESSAGE"),
    ("a request without a kind", {"n": 1, "type": "agent:request", "payload": {"title": "?"}}, "INVALID_MESSAGE"),
    (
        "a resolution that is a person's",
        {"n": 1, "type": "agent:request_resolved", "payload": {"requestId": "r", "outcome": "answered"}},
        "INVALID_MESSAGE",
    ),
    *(
        (f"{type_} with {payload}"[:100], {"n": 1, "type": type_, "payload": payload}, code)
        for type_, payload, code in [
            ("agent:output", {"content": "", "toolInput": []}, "INVALID_MESSAGE"),
            ("agent:output", {"content": "", "toolInput": "rm"}, "INVALID_MESSAGE"),
            ("agent:output", {"content": "", "toolInput": {"a\0": 1}}, "INVALID_MESSAGE"),
            ("agent:output", {"content": "", "toolInput": {"a": [[]] * 40_000}}, "TOO_LARGE"),
            ("agent:output", {"content": "", "toolInput": {"a": "x" * 250_000}}, "TOO_LARGE"),
            ("agent:output", {"content": "", "toolKind": "dance"}, "INVALID_MESSAGE"),
            ("agent:output", {"content": "", "isError": "no"}, "INVALID_MESSAGE"),
            ("agent:output", {"content": "", "durationMs": -1}, "INVALID_MESSAGE"),
            ("agent:output", {"content": "", "durationMs": 1.5}, "INVALID_MESSAGE"),
            ("agent:output", {"content": "", "parentId": ""}, "INVALID_MESSAGE"),
            ("agent:output", {"content": "", "changes": {}}, "INVALID_MESSAGE"),
            ("agent:output", {"content": "", "changes": [{"path": "", "patch": ""}]}, "INVALID_MESSAGE"),
            ("agent:output", {"content": "", "changes": [{"path": "a", "patch": "\0"}]}, "INVALID_MESSAGE"),
            ("agent:output", {"content": "", "changes": [{"path": "a", "patch": ""}] * 201}, "INVALID_MESSAGE"),
            ("agent:output", {"content": "", "attachments": [{"id": "x"}]}, "INVALID_MESSAGE"),
            ("agent:session", {"session": "s"}, "INVALID_MESSAGE"),
            ("agent:session", {"session": "", "change": "started"}, "INVALID_MESSAGE"),
            ("agent:session", {"session": "s" * 201, "change": "started"}, "INVALID_MESSAGE"),
            ("agent:session", {"session": "s", "change": "left"}, "INVALID_MESSAGE"),
            ("agent:session", {"session": "s", "change": "started", "title": "\0"}, "INVALID_MESSAGE"),
            ("agent:usage", {"inputTokens": -1}, "INVALID_MESSAGE"),
            ("agent:usage", {"inputTokens": 1.5}, "INVALID_MESSAGE"),
            ("agent:usage", {"inputTokens": "1"}, "INVALID_MESSAGE"),
            ("agent:usage", {"outputTokens": 10**16}, "INVALID_MESSAGE"),
            ("agent:usage", {"costUsd": -0.01}, "INVALID_MESSAGE"),
            ("agent:usage", {"costUsd": "1"}, "INVALID_MESSAGE"),
            ("agent:usage", {"costUsd": 10**9}, "INVALID_MESSAGE"),
            ("agent:usage", {"limits": [{"name": "5h"}]}, "INVALID_MESSAGE"),
            ("agent:usage", {"limits": [{"name": "5h", "usedPercent": 1}] * 11}, "INVALID_MESSAGE"),
            ("agent:usage", {"limits": [{"name": "5h", "usedPercent": 1, "resetsAt": "soon"}]}, "INVALID_MESSAGE"),
            ("agent:plan", {}, "INVALID_MESSAGE"),
            ("agent:plan", {"entries": [{"content": "a", "status": "done"}]}, "INVALID_MESSAGE"),
            ("agent:plan", {"entries": [{"content": "", "status": "pending"}]}, "INVALID_MESSAGE"),
            ("agent:plan", {"entries": [{"content": "a", "status": "pending"}] * 201}, "INVALID_MESSAGE"),
            ("agent:plan", {"entries": [{"content": "a" * 4_000, "status": "pending"}] * 17}, "TOO_LARGE"),
            ("agent:subagent", {"parentId": "t", "change": "started"}, "INVALID_MESSAGE"),
            ("agent:subagent", {"parentId": "t", "change": "resumed", "name": "a"}, "INVALID_MESSAGE"),
        ]
    ),
    ("n from 0", {"n": 0, "type": "agent:output", "payload": {"content": "x"}}, "INVALID_MESSAGE"),
    ("a jump in n", {"n": 2, "type": "agent:output", "payload": {"content": "x"}}, "INVALID_MESSAGE"),
    ("64 KiB and one", {"n": 1, "type": "agent:output", "payload": {"content": "x" * 65_537}}, "TOO_LARGE"),
    ("64 KiB of escapes", {"n": 1, "type": "agent:output", "payload": {"content": "\0" * 65_536}}, "TOO_LARGE"),
]


@pytest.mark.parametrize(("event", "code"), [row[1:] for row in EVENTS], ids=[row[0] for row in EVENTS])
def test_a_bad_event_is_refused_the_same_everywhere_and_nothing_is_stored(
    live: LiveServer, root: Api, event: dict[str, Any], code: str
) -> None:
    _, agent_id = agent_of(root)
    publication = {"producer": "p", "events": [event]}

    async def over_websocket() -> dict[str, Any]:
        async with viewer(live.ws_url, root.token) as one:
            answer = await one.ask("publish:agent", {"agentId": agent_id, **publication}, id="a")
            assert (answer["type"], answer["id"]) == ("error", "a")
            assert answer["payload"]["request"] == "publish:agent"
            payload: dict[str, Any] = answer["payload"]
            return payload

    over_http = root.post(f"/agents/{agent_id}/events", publication)
    assert over_http.data["code"] == code
    assert over_http.status == (413 if code == "TOO_LARGE" else 400)
    answer = asyncio.run(over_websocket())
    assert {key: answer[key] for key in ("code", "message")} == over_http.data
    assert root.get(f"/agents/{agent_id}/events").data == {"events": [], "oldest": 1, "seq": 0, "complete": True}


def test_a_frame_over_1_mib_is_closed_with_1009(live: LiveServer, root: Api) -> None:
    async def scenario() -> None:
        async with viewer(live.ws_url, root.token) as one:
            with pytest.raises(ConnectionClosed) as closed:
                await one.socket.send(" " * (1024 * 1024 + 1))
                await one.next()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009

    asyncio.run(scenario())


CUT_OFF = 1006  # the end of the connection overtakes the close frame of a client that goes on sending


def test_ten_thousand_messages_a_second_are_limited_without_affecting_others(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)

    async def pings(one: Viewer) -> None:
        for _ in range(10_000):
            await one.socket.send('{"type":"ping"}')

    async def flood() -> int:
        async with viewer(live.ws_url, root.token) as one:
            codes = []
            sending = asyncio.create_task(pings(one))
            try:
                while True:
                    message = await one.next(3)
                    codes.append(message["payload"].get("code"))
            except ConnectionClosed as closed:
                assert "RATE_LIMITED" in codes or not codes
                return closed.rcvd.code if closed.rcvd else CUT_OFF
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        raise AssertionError("the flood was taken")

    async def scenario() -> None:
        async with viewer(live.ws_url, root.token) as calm:
            await calm.subscribe("agent", agent_id)
            flooding = asyncio.create_task(flood())
            await report(root, agent_id, *(f"line {i}" for i in range(20)))
            assert contents(await calm.events(20)) == [f"line {i}" for i in range(20)]
            assert await flooding in (4429, 4408, CUT_OFF), "too many, or more than it reads the answers to"

    asyncio.run(scenario())


def test_too_many_bad_messages_are_closed_with_4400(live: LiveServer, root: Api) -> None:
    async def scenario() -> None:
        async with viewer(live.ws_url, root.token) as one:
            with pytest.raises(ConnectionClosed) as closed:
                for _ in range(200):
                    await one.ask("dance")
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4400

    asyncio.run(scenario())


def test_an_unknown_path_is_refused_without_a_traceback(live: LiveServer, root: Api) -> None:
    async def scenario() -> None:
        with pytest.raises(InvalidStatus) as refused:
            async with viewer(live.ws_url.replace("/ws/", "/nowhere/"), root.token):
                pass
        assert refused.value.response.status_code == 403

    asyncio.run(scenario())
    assert "Traceback" not in live.log


def test_too_many_subscriptions_are_refused(tmp_path: Path) -> None:
    with LiveServer(tmp_path, STREAM_SUBSCRIPTIONS="2") as server:
        root = Api(server.url, server.token("root", "--superuser"))
        workspace = root.workspace("many")
        agents = [root.agent(workspace["id"], f"a{i}")["id"] for i in range(3)]

        async def scenario() -> None:
            async with viewer(server.ws_url, root.token) as one:
                await one.subscribe("agent", agents[0])
                await one.subscribe("agent", agents[1])
                await one.subscribe("agent", agents[1])
                refused = await one.ask("subscribe:agent", {"agentId": agents[2]})
                assert refused["payload"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
                await one.ask("unsubscribe:agent", {"agentId": agents[0]})
                await one.subscribe("agent", agents[2])

        asyncio.run(scenario())
