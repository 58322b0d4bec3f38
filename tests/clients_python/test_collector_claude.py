"""Claude Code's transcripts, as recorded from the real tool in a terminal, become readable events."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agentstream.collector import claude_agent
from agentstream.collector.activity import Activity
from agentstream.collector.claude_agent import ClaudeAgent
from agentstream.collector.claude_registry import ClaudeProcess, ClaudeRegistry
from agentstream.collector.claude_tasks import ClaudeTasks
from agentstream.collector.claude_transcript import ClaudeTranscript
from agentstream.collector.detail import Detail, limited, limited_labels
from agentstream.collector.hooks import HookEvent
from agentstream.collector.process import Liveness, Process, start_time
from agentstream.concurrency import clock
from agentstream.messages import (
    Context,
    Failure,
    Message,
    Output,
    Plan,
    PlanEntry,
    Session,
    StatusChange,
    Subagent,
    Usage,
)
from agentstream.requests import Ask, Resolution, Settle
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.waiting import eventually

RECORDED = Path(__file__).parent / "transcripts" / "claude-tui" / "2.1.332" / "talk.jsonl"


def records() -> list[tuple[int, dict[str, Any]]]:
    """The recorded lines, with the bytes at which they begin."""
    found, offset = [], 0
    for line in RECORDED.read_bytes().splitlines(keepends=True):
        found.append((offset, json.loads(line)))
        offset += len(line)
    return found


def translated(lines: list[tuple[int, dict[str, Any]]]) -> list[list[Message]]:
    transcript = ClaudeTranscript()
    return [list(transcript.translate(record, offset)) for offset, record in lines]


def flat(lines: list[list[Message]]) -> Iterator[Output]:
    for messages in lines:
        yield from (message for message in messages if isinstance(message, Output))


def test_a_talk_becomes_its_words_tools_and_results() -> None:
    said = [(one.role, one.kind, one.tool_name, one.content) for one in flat(translated(records()))]
    assert said[:6] == [
        ("user", "text", None, "Make a file"),
        ("assistant", "thinking", None, "The user wants a file."),
        ("assistant", "text", None, "I make it."),
        ("tool", "tool_call", "Bash", '{"command":"touch made.txt && echo größer","description":"Make a file"}'),
        ("tool", "tool_result", "Bash", "größer"),
        ("assistant", "text", None, "It is made."),
    ]
    assert ("system", "text", None, "Interrupted by the user.") in said
    assert [one[3] for one in said if one[0] == "user"] == ["Make a file", "Paint it", "Something else", "Read it"]


def test_reading_from_any_line_on_yields_the_same_messages() -> None:
    whole = translated(records())
    for start in range(len(whole)):
        part = translated(records()[start:])
        for expected, found in zip(whole[start:], part, strict=True):
            # A result doesn't name a tool whose call was not read.
            assert [_without_tool(one) for one in found] == [_without_tool(one) for one in expected]


def _without_tool(message: Message) -> dict[str, Any]:
    return {name: value for name, value in message.payload().items() if name != "toolName"}


def test_every_message_has_an_id_of_its_own() -> None:
    ids = [one.message_id for one in flat(translated(records()))]
    assert len(set(ids)) == len(ids)


def test_a_turn_is_running_until_it_ends() -> None:
    transcript = ClaudeTranscript()
    seen = [activity for _, record in records() if (activity := transcript.activity(record))]
    assert seen[0] is Activity.RUNNING
    assert seen[-1] is Activity.IDLE


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "user", "uuid": "u", "message": {"role": "user", "content": content}, **more}


def notification(summary: str, status: str) -> dict[str, Any]:
    return user(
        f"<task-notification>\n<task-id>a1</task-id>\n<tool-use-id>t1</tool-use-id>\n<status>{status}</status>\n"
        f"<summary>{summary}</summary>\n</task-notification>"
    )


def test_a_sub_agent_in_the_background_ends_when_its_notification_says_so() -> None:
    transcript = ClaudeTranscript()
    call = {"type": "tool_use", "id": "t1", "name": "Agent", "input": {"subagent_type": "Explore", "prompt": "Look"}}
    started = list(transcript.translate({"type": "assistant", "uuid": "a", "message": {"content": [call]}}, 0))
    assert started[-1] == Subagent("t1", "started", "Explore")
    told = {"type": "tool_result", "tool_use_id": "t1", "content": "(This tool result is internal metadata"}
    (launched,) = transcript.translate(user([told], toolUseResult={"isAsync": True}), 1)
    assert isinstance(launched, Output)
    assert (launched.content, launched.is_error) == ("Started in the background.", None)
    finished = notification('Agent "Look" finished', "completed")
    assert list(transcript.translate(finished, 2)) == [Subagent("t1", "ended", "agent")]
    assert list(transcript.translate(notification('Agent "Look" failed', "failed"), 3)) == [
        Subagent("t1", "failed", "agent")
    ]
    command = notification('Background command "sleep 9" completed (exit code 0)', "completed")
    assert list(transcript.translate(command, 4)) == []


def test_what_a_command_of_the_terminal_says_has_no_colours() -> None:
    said = user("<local-command-stdout>\x1b[2mCompacted\x1b[22m</local-command-stdout>")
    assert [one.content for one in flat([list(ClaudeTranscript().translate(said, 0))])] == ["Compacted"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_value_of_a_record_stops_the_translation(data: st.DataObject) -> None:
    _, record = data.draw(st.sampled_from(records()))
    record = json.loads(json.dumps(record))
    spot: Any = record
    for _ in range(data.draw(st.integers(0, 3))):
        keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not isinstance(spot[key], dict | list):
            spot[key] = data.draw(JSON)
            break
        spot = spot[key]
    transcript = ClaudeTranscript()
    list(transcript.translate(record, 0))
    transcript.activity(record)
    transcript.title(record)


# What hooks, the registry and the status line say


def process(activity: Activity, changed: float, session: str = "s1", waiting_for: str | None = None) -> ClaudeProcess:
    return ClaudeProcess(Process(1, "1"), session, "/work", activity, 1.0, "2.1.332", waiting_for, changed)


def permission(at: float = 10.0, **more: Any) -> HookEvent:
    event = {"hook_event_name": "PermissionRequest", "tool_name": "Bash", "tool_input": {"command": "ls"}, **more}
    return HookEvent("7-8", at, 8, True, event)


def hook(name: str, **fields: Any) -> HookEvent:
    return HookEvent(f"{name}-1", 11.0, 1, False, {"hook_event_name": name, **fields})


def asked(agent: ClaudeAgent, event: HookEvent) -> Ask:
    [ask] = [message for message in agent.hook(event) if isinstance(message, Ask)]
    return ask


@pytest.fixture
def agent(tmp_path: Path) -> ClaudeAgent:
    agent = ClaudeAgent("run", ClaudeTasks(tmp_path))
    assert list(agent.see(process(Activity.IDLE, 2.0))) == [StatusChange("idle")]
    assert list(agent.hook(hook("SessionStart", source="startup"))) == []
    assert list(agent.see(process(Activity.IDLE, 2.0))) == [Session("s1", "started", cwd="/work")]
    return agent


@pytest.mark.parametrize(("source", "change"), [("resume", "resumed"), ("fork", "resumed"), ("clear", "cleared")])
def test_a_session_begins_as_its_hook_says(agent: ClaudeAgent, source: str, change: Any) -> None:
    list(agent.see(process(Activity.IDLE, 3.0, "s2")))
    list(agent.hook(hook("SessionStart", source=source)))
    assert list(agent.see(process(Activity.IDLE, 3.0, "s2"))) == [Session("s2", change, cwd="/work")]


def test_a_short_session_is_reported_all_the_same(agent: ClaudeAgent) -> None:
    list(agent.see(process(Activity.IDLE, 3.0, "s2")))
    list(agent.hook(hook("SessionStart", source="resume")))
    assert list(agent.see(process(Activity.IDLE, 4.0, "s3"))) == [Session("s2", "resumed", cwd="/work")]
    assert list(agent.gone()) == [Session("s3", "cleared", cwd="/work"), Session("s3", "ended")]


def test_a_session_whose_hook_says_nothing_is_reported_soon(agent: ClaudeAgent) -> None:
    told = [list(agent.see(process(Activity.IDLE, 3.0, "s2"))) for _ in range(5)]
    assert told == [[], [], [], [Session("s2", "cleared", cwd="/work")], []]


def test_the_registry_gives_the_status(agent: ClaudeAgent) -> None:
    assert list(agent.see(process(Activity.RUNNING, 3.0))) == [StatusChange("running")]
    waits = process(Activity.WAITING, 4.0, waiting_for="input needed")
    assert list(agent.see(waits)) == [StatusChange("waiting", "awaiting_input")]
    assert list(agent.see(process(Activity.IDLE, 5.0))) == [StatusChange("idle")]


def test_a_permission_is_asked_once_and_answered_with_the_tools_own_input(agent: ClaudeAgent) -> None:
    list(agent.hook(hook("PreToolUse", tool_name="Bash", tool_input={"command": "ls"}, tool_use_id="t1")))
    ask = asked(agent, permission())
    assert ask.request.tool == {"name": "Bash", "input": {"command": "ls"}, "toolCallId": "t1"}
    assert list(agent.hook(permission())) == []
    list(agent.resolved(ask.request.id, Resolution("answered", "allow")))
    [(event, text)] = agent.answers
    assert event.id == "7-8"
    decision = json.loads(text)["hookSpecificOutput"]["decision"]
    assert decision == {"behavior": "allow", "updatedInput": {"command": "ls"}}
    assert list(agent.hook(permission())) == []  # the hook takes a moment to go


def test_two_collectors_call_a_request_the_same() -> None:
    requests = [asked(ClaudeAgent(run, ClaudeTasks(Path())), permission()).request.id for run in ("one", "another")]
    assert requests[0] == requests[1]


@pytest.mark.parametrize(
    "told",
    [
        hook("PostToolUse", tool_use_id="t1"),
        hook("PostToolUseFailure", tool_use_id="t1"),
        hook("Stop"),
        hook("UserPromptSubmit"),
    ],
    ids=lambda told: told.event["hook_event_name"],
)
def test_what_the_terminal_answered_is_resolved(agent: ClaudeAgent, told: HookEvent) -> None:
    list(agent.hook(hook("PreToolUse", tool_name="Bash", tool_input={"command": "ls"}, tool_use_id="t1")))
    ask = asked(agent, permission())
    assert Settle(ask.request.id, "answered_elsewhere") in list(agent.hook(told))


def test_a_dialog_that_has_closed_was_answered_in_the_terminal(agent: ClaudeAgent) -> None:
    ask = asked(agent, permission(at=10.0))
    assert list(agent.see(process(Activity.RUNNING, 9.0))) == []  # older than the dialog
    told = list(agent.see(process(Activity.IDLE, 12.0)))  # Escape: the entry doesn't change again
    assert Settle(ask.request.id, "answered_elsewhere") in told
    assert told[-1] == StatusChange("idle")
    assert [text for _, text in agent.answers] == [""]


@pytest.mark.parametrize("jump", [-3_600.0, 3_600.0])
def test_a_clock_that_jumps_while_a_dialog_is_open_hides_neither_its_end_nor_the_status(
    agent: ClaudeAgent, jump: float
) -> None:
    ask = asked(agent, permission(at=10_000.0))
    assert list(agent.see(process(Activity.WAITING, 10_000.0))) == []
    told = list(agent.see(process(Activity.IDLE, 10_001.0 + jump)))
    assert Settle(ask.request.id, "answered_elsewhere") in told
    assert told[-1] == StatusChange("idle")


def test_an_entry_from_before_an_answer_on_the_page_says_nothing(agent: ClaudeAgent) -> None:
    ask = asked(agent, permission(at=10.0))
    list(agent.see(process(Activity.WAITING, 10.0, waiting_for="permission prompt")))
    assert list(agent.resolved(ask.request.id, Resolution("answered", "allow")))[-1] == StatusChange("running")
    assert list(agent.see(process(Activity.WAITING, 10.0, waiting_for="permission prompt"))) == []
    assert list(agent.see(process(Activity.IDLE, 9.0))) == [StatusChange("idle")]  # whatever the clock says


def test_a_request_of_a_background_agent_may_have_no_dialog_to_close(agent: ClaudeAgent) -> None:
    ask = asked(agent, permission(at=10.0, agent_id="sub"))
    assert list(agent.see(process(Activity.RUNNING, 12.0))) == []
    assert list(agent.hook(hook("Stop"))) == []
    list(agent.see(process(Activity.WAITING, 13.0)))
    assert Settle(ask.request.id, "answered_elsewhere") in list(agent.see(process(Activity.IDLE, 14.0)))


def test_a_sub_agents_hook_gives_way_to_the_terminal_after_a_while(
    agent: ClaudeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = asked(agent, permission(agent_id="sub"))
    assert list(agent.see(process(Activity.RUNNING, 2.0))) == []
    now = clock() + 61
    monkeypatch.setattr(claude_agent, "clock", lambda: now)
    told = list(agent.see(process(Activity.RUNNING, 2.0)))
    assert told[0] == Settle(ask.request.id, "withdrawn")
    assert [text for _, text in agent.answers] == [""]
    assert list(agent.see(process(Activity.WAITING, 3.0, waiting_for="permission prompt")))[-1] == StatusChange(
        "waiting", "awaiting_approval"
    )


def test_an_error_stays_until_the_next_turn(agent: ClaudeAgent) -> None:
    told = list(agent.hook(hook("StopFailure", error="server_error", last_assistant_message="It broke")))
    assert told[-1] == StatusChange("error")
    assert list(agent.see(process(Activity.IDLE, 12.0))) == []
    assert list(agent.see(process(Activity.RUNNING, 13.0))) == [StatusChange("running")]


def test_a_reached_limit_waits(agent: ClaudeAgent) -> None:
    assert list(agent.hook(hook("StopFailure", error="rate_limit"))) == [StatusChange("waiting", "rate_limited")]


def status_line(cost: float, **more: Any) -> HookEvent:
    window = {
        "context_window_size": 200_000,
        "current_usage": {"input_tokens": 1_000, "output_tokens": 1_000, "cache_read_input_tokens": 18_000},
    }
    told: Mapping[str, Any] = {
        "session_id": "s1",
        "model": {"id": "m"},
        "cost": {"total_cost_usd": cost},
        "context_window": window,
        **more,
    }
    return HookEvent("1-1", 3.0, 1, False, told)


def test_the_status_line_gives_context_cost_and_limits(agent: ClaudeAgent) -> None:
    limits = {"five_hour": {"used_percentage": 40, "resets_at": 1_800_000_000}}
    context, usage = agent.hook(status_line(0.5, rate_limits=limits))
    assert context == Context(10, 20_000, 200_000)
    assert isinstance(usage, Usage)
    assert (usage.session, usage.model, usage.cost_usd) == ("s1", "m", 0.5)
    assert usage.limits is not None
    assert (usage.limits[0].name, usage.limits[0].used_percent) == ("five_hour", 40.0)
    assert list(agent.hook(status_line(0.5, rate_limits=limits))) == []  # it hasn't changed


def test_a_new_session_of_the_same_process_costs_what_it_costs_itself(agent: ClaudeAgent) -> None:
    list(agent.hook(status_line(0.5)))
    list(agent.see(process(Activity.IDLE, 4.0, "s2")))
    [usage] = agent.hook(status_line(0.75, session_id="s2"))
    assert isinstance(usage, Usage)
    assert usage.cost_usd == 0.25


def test_tasks_are_the_plan_of_their_session(agent: ClaudeAgent, tmp_path: Path) -> None:
    folder = tmp_path / "tasks" / "s1"
    folder.mkdir(parents=True)

    def task(number: int, subject: str, status: str) -> None:
        (folder / f"{number}.json").write_text(json.dumps({"id": str(number), "subject": subject, "status": status}))

    for number in range(1, 12):
        task(number, f"Step {number}", "pending")
    (folder / ".lock").touch()
    (folder / "12.json").write_text("{")
    plan, status = agent.see(process(Activity.RUNNING, 3.0))
    assert isinstance(plan, Plan)
    assert status == StatusChange("running")
    assert [entry.content for entry in plan.entries] == [f"Step {number}" for number in range(1, 12)]
    assert list(agent.see(process(Activity.RUNNING, 3.0))) == []
    task(1, "Step 1", "completed")
    [plan] = agent.see(process(Activity.RUNNING, 3.0))
    assert isinstance(plan, Plan)
    assert plan.entries[0].status == "completed"
    told = list(agent.see(process(Activity.RUNNING, 3.0, "s2")))
    assert Plan(()) in told  # /clear


def test_a_title_is_the_sessions_until_the_next_one(agent: ClaudeAgent) -> None:
    list(agent.see(replace(process(Activity.IDLE, 3.0), title="Fix it")))
    assert agent.labels["title"] == "Fix it"
    list(agent.see(process(Activity.IDLE, 4.0, "s2")))
    assert "title" not in agent.labels


@pytest.mark.parametrize(
    ("message", "messages", "status"),
    [
        (Output("x", "tool", kind="tool_call"), False, False),
        (Output("x", kind="thinking"), False, False),
        (Output("x", "user"), True, False),
        (Plan((PlanEntry("x"),)), True, False),
        (Subagent("t", "started", "a", "x"), True, False),
        (StatusChange("running"), True, True),
        (Context(1), True, True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_detail_decides_what_leaves_the_machine(message: Message, messages: bool, status: bool) -> None:
    assert limited(message, Detail.FULL) == message
    assert (limited(message, Detail.MESSAGES), limited(message, Detail.STATUS)) == (
        message if messages else None,
        message if status else None,
    )


def test_with_the_status_alone_no_words_leave_the_machine() -> None:
    assert limited(Failure("server_error", "secret words"), Detail.STATUS) == Failure("server_error", "server_error")
    assert limited(Session("s", "started", title="secret words"), Detail.STATUS) == Session("s", "started")
    assert limited_labels({"title": "secret words", "model": "m"}, Detail.STATUS) == {"model": "m"}


def test_registry_entries_that_are_not_whole_are_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    folder.mkdir()
    good = {"pid": 7, "sessionId": "s", "cwd": "/", "status": "busy", "procStart": "1"}
    (folder / "7.json").write_text(json.dumps(good))
    (folder / "8.json").write_text(json.dumps(good)[:20])
    (folder / "9.json").write_text(json.dumps({**good, "pid": "9"}))
    (folder / "pid-1.json").write_text("[]")
    assert [(one.process.pid, one.activity) for one in ClaudeRegistry(tmp_path).processes()] == [(7, Activity.RUNNING)]


def test_a_process_that_took_over_the_pid_is_another() -> None:
    started = start_time(os.getpid())
    assert started is not None
    assert Process(os.getpid(), started).is_alive
    if started:  # this system tells when a process began
        assert not Process(os.getpid(), "1").is_alive


@pytest.mark.parametrize("descriptors", [True, False], ids=["with descriptors", "without"])
def test_the_end_of_a_process_is_noticed_before_anybody_waits_for_it(
    descriptors: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not descriptors:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    liveness = Liveness()
    children = [subprocess.Popen(["sleep", "1000"]) for _ in range(2)]
    try:
        first, second = (Process(child.pid, start_time(child.pid) or "") for child in children)
        other = Process(first.pid, "1")  # had the pid before
        assert liveness.alive({first, second, other}) == {first, second}
        children[0].kill()
        eventually(lambda: liveness.alive({first, second}) == {second})
        assert liveness.alive({second}) == {second}
        assert liveness.alive(set()) == set()
    finally:
        for child in children:
            child.kill()
            child.wait()
