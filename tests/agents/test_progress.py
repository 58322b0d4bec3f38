"""An agent's session, plan and usage: on its stream and in its state, with both databases."""

import json
from typing import Any

import pytest

from tests.agents.requests import Desk, Json, desk_of
from tests.chaos.cluster import Cluster

CALL = {
    "content": "Edit a.py",
    "role": "assistant",
    "kind": "tool_call",
    "toolCallId": "t1",
    "toolName": "Edit",
    "toolKind": "edit",
    "toolInput": {"file": "a.py", "old": "<b>", "deep": [{"x": [1, 2.5, None, True, "\u2028"]}], "huge": 2**60},
    "changes": [{"path": "a.py", "patch": "--- a.py\n+++ a.py\n@@ -1 +1 @@\n-a\n+b\n"}],
    "parentId": "t0",
}
RESULT = {
    "content": "done",
    "role": "tool",
    "kind": "tool_result",
    "toolCallId": "t1",
    "isError": False,
    "durationMs": 1200,
    "attachments": [
        {"id": "00000000-0000-4000-8000-000000000000", "name": "a.png", "mediaType": "image/png", "size": 70}
    ],
}
STARTED = {"session": "s1", "change": "started", "title": "Fix it", "model": "m", "cwd": "/w", "branch": "main"}
PLAN = {"entries": [{"content": "Look", "status": "completed"}, {"content": "Fix", "status": "in_progress"}]}
USAGE = {
    "session": "s1",
    "model": "m",
    "inputTokens": 10,
    "cachedInputTokens": 4,
    "outputTokens": 5,
    "reasoningTokens": 1,
    "costUsd": 0.25,
    "limits": [{"name": "5h", "usedPercent": 12.5, "resetsAt": "2026-11-26T12:00:00.000Z"}],
    "estimated": True,
}
SUBAGENT = {"parentId": "t0", "change": "started", "name": "explorer", "description": "Looks around"}


@pytest.fixture
def desk(pair: Cluster) -> Desk:
    return desk_of(pair)


def told(desk: Desk, type_: str) -> list[Json]:
    """The events of a type, without the agent's id."""
    return [{key: value for key, value in event.items() if key != "agentId"} for event in desk.events(type_)]


def session(name: str, change: str, **more: Any) -> tuple[str, Json]:
    return "agent:session", {"session": name, "change": change, **more}


@pytest.mark.parametrize("payload", [CALL, RESULT], ids=["call", "result"])
def test_what_a_tool_does_arrives_unchanged(desk: Desk, payload: Json) -> None:
    assert desk.publish(("agent:output", payload)).status == 200
    assert desk.root.post(f"/agents/{desk.agent_id}/output", payload).status == 201
    assert told(desk, "agent:output") == [payload, payload]


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        ("agent:session", STARTED),
        ("agent:plan", PLAN),
        ("agent:plan", {"entries": []}),
        ("agent:usage", USAGE),
        ("agent:usage", {"costUsd": 1}),
    ],
)
def test_the_state_has_the_latest_reports(desk: Desk, type_: str, payload: Json) -> None:
    name = type_.removeprefix("agent:")
    assert name not in desk.state()
    assert desk.publish((type_, payload)).status == 200
    assert told(desk, type_) == [payload]
    assert desk.state()[name] == payload
    assert name not in desk.root.get(f"/workspaces/{desk.workspace_id}/agents").data[0], "lists stay small"


def test_a_sub_agent_is_reported(desk: Desk) -> None:
    assert desk.publish(("agent:subagent", SUBAGENT)).status == 200
    assert told(desk, "agent:subagent") == [SUBAGENT]


def test_a_session_keeps_its_earlier_fields(desk: Desk) -> None:
    assert desk.publish(("agent:session", STARTED), session("s1", "compacted", title="Fixed")).status == 200
    whole = STARTED | {"change": "compacted", "title": "Fixed"}
    assert told(desk, "agent:session")[-1] == whole, "each event alone is the state"
    desk.publish(session("s2", "cleared"), n=3)
    assert desk.state()["session"] == {"session": "s2", "change": "cleared"}
    desk.publish(session("s1", "resumed"), n=4)
    assert desk.state()["session"] == whole | {"change": "resumed"}


def test_a_context_level_no_longer_known_is_null(desk: Desk) -> None:
    context = {"contextLevel": 42, "tokensUsed": 84, "tokensLimit": 200}
    assert desk.publish(("agent:context", context), ("agent:context", {"contextLevel": None})).status == 200
    assert told(desk, "agent:context") == [context, {"contextLevel": None}]
    assert desk.workspace_changes("agent_context")[-1] == {"agentId": desk.agent_id, "contextLevel": None}
    state = desk.state()
    assert state["contextLevel"] is None
    assert "tokensUsed" not in state


def test_a_context_without_a_level_is_refused(desk: Desk) -> None:
    refused = desk.publish(("agent:context", {}))
    assert (refused.status, refused.data["message"]) == (400, "events.0.payload.contextLevel: missing")


def test_a_retry_changes_nothing(desk: Desk) -> None:
    events: list[tuple[str, Json]] = [("agent:session", STARTED), ("agent:plan", PLAN), ("agent:usage", USAGE)]
    assert desk.publish(*events).data == desk.publish(*events).data
    assert len(desk.events()) == 3


def test_the_largest_state_fits_a_frame(desk: Desk) -> None:
    control = "\x01"
    plan = {"entries": [{"content": "é" * 4_000, "status": "pending"}] * 8}
    limits = [{"name": control * 99 + str(n), "usedPercent": 1.5} for n in range(10)]
    usage = {"session": control * 200, "model": control * 200, "limits": limits}
    everything = {"title": control * 500, "model": control * 200, "cwd": control * 4096, "branch": control * 300}
    labels = {f"l{n}": control * 300 for n in range(24)}
    assert desk.root.call("PATCH", f"/agents/{desk.agent_id}", {"labels": labels}).status == 200
    published = desk.publish(
        ("agent:plan", plan), ("agent:usage", usage), session(control * 200, "started", **everything)
    )
    assert published.status == 200, published
    for number in range(20):
        asked = {"requestId": str(number), "kind": "input", "title": "?", "body": "x" * 20_000}
        assert desk.root.post(f"/agents/{desk.agent_id}/requests", asked).status == 201
    size = len(json.dumps(desk.state(), ensure_ascii=False).encode())
    assert 150_000 < size < 256 * 1024
