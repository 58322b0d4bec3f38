"""What tools report besides text: inputs, diffs, results, sessions, usage, plans, sub-agents."""

import json
from typing import Any

import pytest
from agentstream import Publisher
from agentstream.adapters.registry import select_adapter
from agentstream.adapters.tools import MAX_BYTES, beside
from agentstream.messages import FileChange, Message, Output, Plan, PlanEntry, Session, Subagent, Usage, encode

from .messages import TRANSCRIPTS, made, tell, told, transcript
from .place import Place
from .scripted import within

NAMES = sorted(path.stem for path in TRANSCRIPTS.glob("*/*.jsonl"))


def outputs(messages: list[Message], kind: str) -> list[Output]:
    return [message for message in messages if isinstance(message, Output) and message.kind == kind]


def of(messages: list[Message], type_: type[Any]) -> list[Any]:
    return [message for message in messages if isinstance(message, type_)]


def test_the_server_accepts_everything_that_tools_reported(place: Place) -> None:
    async def go() -> None:
        async with Publisher(place.url, place.token, place.agent) as publisher:
            for name in NAMES:
                for message in told(name):
                    await publisher.send(message)

    within(60, go())
    types = {event.type for event in place.history()}
    assert {"agent:session", "agent:usage", "agent:plan", "agent:subagent", "agent:request"} <= types


# Calls and results


def test_a_call_has_the_tools_input_and_its_diff() -> None:
    write, edit = outputs(told("claude-edits"), "tool_call")
    assert write.tool_input == json.loads(write.content)
    assert (write.tool_kind, edit.tool_kind) == ("edit", "edit")
    [change] = edit.changes or ()
    assert change.patch == f"--- {change.path}\n+++ {change.path}\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
    bash, _, read, write = outputs(told("opencode-tools"), "tool_call")
    assert (bash.tool_kind, read.tool_kind) == ("execute", "read")
    assert write.changes == (FileChange("note.txt", "--- note.txt\n+++ note.txt\n@@ -0,0 +1 @@\n+hello\n"),)


@pytest.mark.parametrize(
    ("name", "failed"),
    [
        ("claude-tools", [False, True, False]),
        ("codex-tools", [False, True, False, False, True]),
        ("opencode-tools", [False, True, True, False]),
    ],
)
def test_a_result_says_whether_it_is_an_error(name: str, failed: list[bool]) -> None:
    assert [output.is_error for output in outputs(told(name), "tool_result")] == failed


def test_opencode_reports_how_long_a_tool_took() -> None:
    assert [output.duration_ms for output in outputs(told("opencode-tools"), "tool_result")] == [164, 39, 9, 11]


def test_an_input_too_large_for_its_field_is_only_in_the_content() -> None:
    assert beside("Write", {"file_path": "a", "content": "x" * MAX_BYTES}).keys() == {"tool_kind"}
    most = beside("Write", {"file_path": "a", "content": "x" * (MAX_BYTES * 3 // 4)})
    assert most.keys() == {"tool_kind", "tool_input"}
    assert beside("Bash", "no object") == {"tool_kind": "execute"}


# Sub-agents


def test_what_a_sub_agent_does_belongs_to_its_call() -> None:
    messages = told("claude-subagent")
    started, ended = of(messages, Subagent)
    assert (started.change, started.name, started.description) == ("started", "general-purpose", "Find callers")
    assert (ended.change, ended.parent_id) == ("ended", started.parent_id)
    [inner] = [output for output in outputs(messages, "tool_call") if output.tool_name == "Bash"]
    assert inner.parent_id == started.parent_id
    [result] = [output for output in outputs(messages, "tool_result") if output.tool_name == "Bash"]
    assert result.parent_id == started.parent_id
    [outer] = [output for output in outputs(messages, "tool_call") if output.tool_name == "Agent"]
    assert (outer.parent_id, outer.tool_call_id) == (None, started.parent_id)


def line(**event: Any) -> bytes:
    return encode(event).encode() + b"\n"


@pytest.mark.parametrize(("status", "change"), [("completed", "ended"), ("failed", "failed")])
def test_a_sub_agent_in_the_background_ends_with_its_task(status: str, change: str) -> None:
    call = {"type": "tool_use", "id": "t1", "name": "Agent", "input": {"run_in_background": True}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "started"}
    lines = line(type="assistant", message={"content": [call]}) + line(type="user", message={"content": [result]})
    assert [message.change for message in of(tell(made("claude"), lines), Subagent)] == ["started"]
    lines += line(type="system", subtype="task_notification", task_id="a", tool_use_id="t1", status=status)
    assert [message.change for message in of(tell(made("claude"), lines), Subagent)] == ["started", change]


# Sessions, usage and plans


def test_sessions_begin_and_are_cleared_and_compacted() -> None:
    first, second = of(told("claude-clear"), Session)
    assert (first.change, first.model, first.cwd) == ("started", "claude-sonnet-4-5", "/tmp/agentstream-recording/work")
    assert (second.change, second.session != first.session) == ("cleared", True)
    assert [message.change for message in of(told("claude-compact"), Session)] == ["started", "compacted"]
    [codex] = of(told("codex-tools"), Session)
    [opencode] = of(told("opencode-tools"), Session)
    assert (codex.change, codex.session) == ("started", "01a2071e-8d39-76d2-9686-5c26b28c0b92")
    assert (opencode.change, opencode.session) == ("started", "ses_df8e148e0ffe2eaRWqjJMfpIy4")


def test_usage_is_what_the_tool_reports() -> None:
    [claude] = of(told("claude-subagent"), Usage)
    [session] = of(told("claude-subagent"), Session)
    assert claude == Usage(session.session, "claude-sonnet-4-5", 225_000, 221_000, 200, cost_usd=0.0813)
    [codex] = of(told("codex-tools"), Usage)
    assert codex == Usage("01a2071e-8d39-76d2-9686-5c26b28c0b92", None, 126_000, 120_000, 300, 0)
    *_, opencode = of(told("opencode-tools"), Usage)
    assert (opencode.input_tokens, opencode.cached_input_tokens, opencode.output_tokens) == (105_000, 100_000, 250)
    assert opencode.cost_usd == pytest.approx(5 * 0.00975)


@pytest.mark.parametrize(
    ("adapter", "command", "name"),
    [
        ("claude", "claude --continue", "claude-tools"),
        ("opencode", "opencode run -s ses_df8e148e0ffe2eaRWqjJMfpIy4", "opencode-tools"),
    ],
)
def test_totals_of_a_resumed_session_do_not_replace_earlier_ones(adapter: str, command: str, name: str) -> None:
    messages = tell(select_adapter(adapter, command.split(), "run"), transcript(name))
    [session] = of(messages, Session)
    assert session.change == "resumed"
    assert {usage.session for usage in of(messages, Usage)} == {f"{session.session}/run"}


def test_the_accounts_limits_are_reported_with_the_usage() -> None:
    info = {"status": "allowed_warning", "rateLimitType": "five_hour", "utilization": 0.94, "resetsAt": 1_786_027_800}
    result = {"type": "result", "subtype": "success", "modelUsage": {"m": {"inputTokens": 1}}}
    strange = {"rateLimitType": "x", "utilization": -1}
    events = [line(type="rate_limit_event", rate_limit_info=told) for told in (info, strange)]
    [usage] = of(tell(made("claude"), b"".join(events) + line(**result)), Usage)
    [limit] = usage.limits
    assert limit.payload() == {"name": "five_hour", "usedPercent": 94.0, "resetsAt": "2026-08-06T14:50:00+00:00"}


def test_plans_are_published_in_full() -> None:
    first, second = of(told("codex-lists"), Plan)
    assert first == Plan((PlanEntry("Fix total()"), PlanEntry("Run tests")))
    assert second == Plan((PlanEntry("Fix total()", "completed"), PlanEntry("Run tests")))
    todos = [{"content": "a", "status": "in_progress"}, {"content": "b", "status": "cancelled"}, {"content": "c"}]
    call = {"type": "tool_use", "id": "t", "name": "TodoWrite", "input": {"todos": [*todos, 5, {"content": ""}]}}
    claude = tell(made("claude"), line(type="assistant", message={"content": [call]}))
    plan = Plan((PlanEntry("a", "in_progress"), PlanEntry("c")))
    assert of(claude, Plan) == [plan]
    part = {"tool": "todowrite", "callID": "t", "state": {"status": "completed", "input": {"todos": todos}}}
    assert of(tell(made("opencode"), line(type="tool_use", part=part)), Plan) == [plan]


@pytest.mark.parametrize(
    "told",
    [
        {"type": "result", "subtype": "success", "modelUsage": {"m": {"inputTokens": -1}}, "total_cost_usd": "x"},
        {"type": "result", "subtype": "success", "modelUsage": {"m": {"inputTokens": 10**20}}, "total_cost_usd": 1e12},
        {"type": "system", "subtype": "init", "session_id": "s\0" * 300, "model": "\0", "cwd": "x" * 5_000},
    ],
)
def test_strange_numbers_and_names_are_accepted(place: Place, told: dict[str, Any]) -> None:
    async def go() -> None:
        async with Publisher(place.url, place.token, place.agent) as publisher:
            for message in tell(made("claude"), line(**told)):
                await publisher.send(message)

    within(20, go())
