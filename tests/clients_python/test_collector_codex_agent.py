"""What Codex's hooks and files tell together, as recorded from the real tool."""

import json
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentstream.collector.activity import Activity
from agentstream.collector.codex import CodexRollout
from agentstream.collector.codex_agent import ANSWER_SECONDS, CodexAgent, CodexTerminal
from agentstream.collector.hooks import HookEvent
from agentstream.collector.process import Process
from agentstream.collector.source import Transcript
from agentstream.messages import Message, Session, StatusChange
from agentstream.requests import Ask, Resolution, Settle

from .messages import TRANSCRIPTS

SESSION = "01a21b3c-2c05-7833-86e6-93255278c800"
FILE = Transcript(Path(f"rollout-2026-11-27T04-20-57-{SESSION}.jsonl"), lambda: CodexRollout(SESSION))
TERMINAL = CodexTerminal(Process(1, "1"), SESSION, "/work", Activity.IDLE, 1.0, "0.169.0", FILE.path)
PERMISSION = {"hook_event_name": "PermissionRequest", "tool_name": "Bash"}


def recorded() -> list[HookEvent]:
    """The events that Codex 0.169.0 gave to its hooks, one a second."""
    lines = (TRANSCRIPTS / "codex-hooks.jsonl").read_text().splitlines()
    return [hook(json.loads(line), float(at)) for at, line in enumerate(lines, 1)]


def hook(event: dict[str, Any], at: float = 5.0, asks: bool = False) -> HookEvent:
    return HookEvent(f"7-{at:.0f}", at, 7, asks, event)


def entered() -> CodexAgent:
    agent = CodexAgent("run")
    list(agent.see(TERMINAL))
    return agent


def statuses(messages: Iterable[Message]) -> list[str]:
    return [f"{one.status} {one.reason or ''}".strip() for one in messages if isinstance(one, StatusChange)]


def written(seconds: int, type_: str) -> dict[str, Any]:
    stamp = f"1970-01-01T00:00:{seconds:02}Z"
    return {"timestamp": stamp, "type": "event_msg", "payload": {"type": type_}}


def ask(agent: CodexAgent, asks: bool, at: float = 5.0, **given: str) -> tuple[HookEvent, list[Message]]:
    event = hook({**PERMISSION, "tool_input": {"command": "touch x", **given}}, at, asks)
    return event, list(agent.hook(event))


def test_the_recorded_hooks_tell_what_it_does() -> None:
    agent = entered()
    messages = [message for event in recorded() for message in agent.hook(event)]
    told = statuses(messages)
    assert told[:4] == ["running", "waiting awaiting_approval", "running", "idle"]
    # No hook runs at the end of the last turn, which fails; its file tells that.
    assert told[-1] == "running"
    asked = [one.request for one in messages if isinstance(one, Ask)]
    settled = {one.request_id: one.outcome for one in messages if isinstance(one, Settle)}
    assert asked[0].tool == {
        "name": "Bash",
        "input": {"command": "touch /opt/made.txt"},
        "toolCallId": "call_item_0001_1",
    }
    assert {one.id: "answered_elsewhere" for one in asked} == settled


def test_a_terminal_is_idle_before_its_first_session() -> None:
    agent = CodexAgent("run")
    assert statuses(agent.see(replace(TERMINAL, session=""))) == ["idle"]
    assert [one.change for one in agent.see(TERMINAL) if isinstance(one, Session)] == ["started"]
    assert [one.change for one in agent.see(replace(TERMINAL, session="b")) if isinstance(one, Session)] == ["cleared"]


def test_what_is_known_to_be_newer_counts() -> None:
    agent = entered()
    assert statuses(agent.heard(written(9, "task_started"), FILE)) == ["running"]
    assert statuses(agent.hook(hook({"hook_event_name": "Stop"}, 8.0))) == []
    assert statuses(agent.hook(hook({"hook_event_name": "Stop"}, 10.0))) == ["idle"]
    assert statuses(agent.heard(written(9, "task_started"), FILE)) == []
    other = replace(FILE, path=Path("rollout-2026-11-27T04-20-57-01a21b3c-0000-7833-86e6-93255278c800.jsonl"))
    assert statuses(agent.heard(written(20, "task_started"), other)) == []


def test_a_permission_can_only_be_looked_at_unless_its_hook_waits() -> None:
    agent = entered()
    event, (asked, *_) = ask(agent, asks=False)
    assert isinstance(asked, Ask)
    assert [option.effect for option in asked.request.options] == ["other"]
    told = list(agent.resolved(asked.request.id, Resolution("answered", "terminal")))
    assert statuses(told)[-1] == "waiting awaiting_approval"
    assert agent.answers == []
    assert statuses(agent.hook(hook({"hook_event_name": "Interrupt"}, 6.0)))[-1] == "idle"
    assert agent.knows(event)


def test_a_permission_is_answered_by_its_hook() -> None:
    agent = entered()
    event, (asked, *_) = ask(agent, asks=True)
    assert isinstance(asked, Ask)
    list(agent.resolved(asked.request.id, Resolution("answered", "deny", text="Not on a Friday")))
    ((answered, text),) = agent.answers
    assert answered is event
    assert json.loads(text)["hookSpecificOutput"]["decision"] == {"behavior": "deny", "message": "Not on a Friday"}
    assert agent.asking == []


def test_a_hook_that_waits_for_long_lets_codex_ask_in_its_terminal() -> None:
    agent = entered()
    event, (asked, *_) = ask(agent, asks=True, at=time.time() - ANSWER_SECONDS - 1)
    assert isinstance(asked, Ask)
    messages = list(agent.see(TERMINAL))
    assert agent.answers == [(event, "")]
    assert [one.outcome for one in messages if isinstance(one, Settle)] == ["withdrawn"]
    (again,) = [one.request for one in messages if isinstance(one, Ask)]
    assert [option.id for option in again.options] == ["terminal"]
    assert agent.asking == []


def test_hooks_are_released_at_the_end() -> None:
    agent = entered()
    event, _ = ask(agent, asks=True)
    assert [one.change for one in agent.gone() if isinstance(one, Session)] == ["ended"]
    assert agent.answers == [(event, "")]


def test_a_patch_that_waits_for_permission_is_shown_as_a_diff() -> None:
    agent = entered()
    patch = "*** Begin Patch\n*** Add File: note.txt\n+hello\n*** End Patch\n"
    (asked, *_) = agent.hook(hook({**PERMISSION, "tool_name": "apply_patch", "tool_input": {"command": patch}}))
    assert isinstance(asked, Ask)
    assert asked.request.tool
    assert [change["path"] for change in asked.request.tool["changes"]] == ["note.txt"]
