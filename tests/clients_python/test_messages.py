"""What a producer reports besides text: sessions, plans, usage, sub-agents, tool calls."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from agentstream import (
    Api,
    Attachment,
    BlockingPublisher,
    FileChange,
    InvalidMessage,
    PlanEntry,
    Publisher,
    UsageLimit,
)
from agentstream.messages import MAX_BESIDE, Output, Session, Subagent

from .place import Place
from .scripted import within

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
PATCH = "--- a\n+++ a\n@@ -1 +1 @@\n-x\n+y\n"
IMAGE = Attachment("00000000-0000-4000-8000-000000000000", "a.png", "image/png", 70)
TOLD: list[tuple[str, dict[str, Any]]] = [
    ("agent:session", {"session": "s", "change": "started", "title": "T", "model": "m", "cwd": "/w", "branch": "b"}),
    ("agent:plan", {"entries": [{"content": "a", "status": "pending"}, {"content": "b", "status": "completed"}]}),
    ("agent:subagent", {"parentId": "t0", "change": "started", "name": "explorer", "description": "d"}),
    (
        "agent:output",
        {
            "content": "make",
            "role": "assistant",
            "kind": "tool_call",
            "toolCallId": "t1",
            "toolName": "Bash",
            "toolKind": "execute",
            "toolInput": {"command": "make", "nul": "a␀\\u0000"},
            "changes": [{"path": "a", "patch": PATCH}],
            "parentId": "t0",
        },
    ),
    (
        "agent:output",
        {
            "content": "",
            "role": "tool",
            "kind": "tool_result",
            "toolCallId": "t1",
            "isError": True,
            "durationMs": 3,
            "attachments": [{"id": IMAGE.id, "name": "a.png", "mediaType": "image/png", "size": 70}],
        },
    ),
    (
        "agent:usage",
        {
            "session": "s",
            "model": "m",
            "inputTokens": 1,
            "cachedInputTokens": 2,
            "outputTokens": 3,
            "reasoningTokens": 4,
            "costUsd": 0.5,
            "limits": [{"name": "5h", "usedPercent": 7.0, "resetsAt": "2026-11-26T12:00:00.000Z"}],
            "estimated": True,
        },
    ),
    ("agent:context", {"contextLevel": None}),
]
CALL: dict[str, Any] = {
    "kind": "tool_call",
    "tool_call_id": "t1",
    "tool_name": "Bash",
    "tool_kind": "execute",
    "tool_input": {"command": "make", "nul": "a\0\\u0000"},
    "changes": [FileChange("a", PATCH)],
    "parent_id": "t0",
}
RESULT: dict[str, Any] = {
    "role": "tool",
    "kind": "tool_result",
    "tool_call_id": "t1",
    "is_error": True,
    "duration_ms": 3,
    "attachments": [IMAGE],
}
USAGE: dict[str, Any] = {
    "session": "s",
    "model": "m",
    "input_tokens": 1,
    "cached_input_tokens": 2,
    "output_tokens": 3,
    "reasoning_tokens": 4,
    "cost_usd": 0.5,
    "limits": [UsageLimit("5h", 7.0, NOON)],
    "estimated": True,
}
STARTED: dict[str, Any] = {"title": "T", "model": "m", "cwd": "/w", "branch": "b"}
PLAN = [PlanEntry("a"), PlanEntry("b", "completed")]


def told(place: Place) -> list[tuple[str, dict[str, Any]]]:
    return [
        (event.type, {key: value for key, value in event.payload.items() if key != "agentId"})
        for event in place.history()
    ]


def test_the_publisher_publishes_every_kind_of_message(place: Place) -> None:
    async def go() -> None:
        async with Publisher(place.url, place.token, place.agent) as said:
            await said.session("s", "started", **STARTED)
            await said.plan(PLAN)
            await said.subagent("t0", "started", "explorer", description="d")
            await said.output("make", **CALL)
            await said.output("", **RESULT)
            await said.usage(**USAGE)
            await said.context(None)

    within(20, go())
    assert told(place) == TOLD


def test_the_blocking_publisher_publishes_the_same(place: Place) -> None:
    with BlockingPublisher(place.url, place.token, place.agent) as said:
        said.session("s", "started", **STARTED)
        said.plan(PLAN)
        said.subagent("t0", "started", "explorer", description="d")
        said.output("make", **CALL)
        said.output("", **RESULT)
        said.usage(**USAGE)
        said.context(None)
    assert told(place) == TOLD


def test_an_attachment_is_stored_and_referenced(place: Place, tmp_path: Path) -> None:
    image = b"\x89PNG\r\n\x1a\n"
    (tmp_path / "a.png").write_bytes(image)

    async def go() -> tuple[Attachment, bytes]:
        async with Publisher(place.url, place.token, place.agent) as said:
            kept = await said.attach(tmp_path / "a.png")
            await said.output("", attachments=[kept])
            with pytest.raises(InvalidMessage, match="image/png"):
                await said.attach(image, media_type="image/gif")
        return kept, await Api(place.url, place.token).attachment(kept.id)

    kept, content = within(30, go())
    assert (kept.name, kept.media_type, kept.size, content) == ("a.png", "image/png", len(image), image)
    with BlockingPublisher(place.url, place.token, place.agent) as said:
        assert said.attach(image, name="b.png").name == "b.png"
    [(_, output)] = told(place)
    assert output["attachments"] == [kept.payload()]


def test_a_long_result_with_a_large_patch_arrives_whole(place: Place) -> None:
    patch = "é" * (MAX_BESIDE // 2 - 100)
    content = "\x01" * 100_000
    with BlockingPublisher(place.url, place.token, place.agent) as said:
        said.output(content, kind="tool_result", tool_call_id="t", changes=[FileChange("a", patch)])
    outputs = [payload for _, payload in told(place)]
    assert "".join(output["content"] for output in outputs) == content
    assert [output["changes"] for output in outputs if "changes" in output] == [[{"path": "a", "patch": patch}]]
    assert len({output["messageId"] for output in outputs}) == 1
    assert [output.get("isStreaming") for output in outputs] == [True] * (len(outputs) - 1) + [None]


def test_only_plain_text_chunks_are_joined() -> None:
    first = Output("a", message_id="m", tool_input={"a": 1})
    assert not first.is_continued_by(Output("b", message_id="m"))
    assert Output("a", message_id="m").is_continued_by(Output("b", message_id="m"))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda: Output("", tool_input={"a": "x" * MAX_BESIDE}), "204800 bytes"),
        (lambda: Output("", tool_input={"a": math.nan}), "JSON"),
        (lambda: Output("", tool_kind="dance"), "tool_kind"),  # type: ignore[arg-type]
        (lambda: Session("s", "left"), "change"),  # type: ignore[arg-type]
        (lambda: Subagent("t", "resumed", "a"), "change"),  # type: ignore[arg-type]
        (lambda: PlanEntry("a", "done"), "status"),  # type: ignore[arg-type]
        (lambda: UsageLimit("5h", 1, datetime(2026, 1, 1)), "offset"),
    ],
)
def test_values_that_the_server_would_refuse_raise_a_value_error(wrong: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        wrong()
