"""One terminal of Codex as an agent: what its process, hooks and rollout files say together."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from agentstream.adapters.bounds import plain
from agentstream.adapters.builder import MessageBuilder
from agentstream.adapters.open_requests import OpenRequests
from agentstream.collector.activity import Activity
from agentstream.collector.codex import CodexRollout
from agentstream.collector.codex_files import session_of
from agentstream.collector.codex_requests import asked, fingerprint
from agentstream.collector.hooks import HookEvent
from agentstream.collector.source import Running, Transcript
from agentstream.messages import Message, Session
from agentstream.requests import Resolution

# How long a hook waits for an answer from the page. Then Codex asks in its terminal.
ANSWER_SECONDS = 5 * 60.0
# Calls that have begun, by which a permission finds its tool call.
MAX_BEGUN = 200
# Requests of hooks, which may take a moment to go when they have been answered.
MAX_ASKED = 200
_CHANGES = {"startup": "started", "resume": "resumed", "fork": "resumed", "clear": "cleared"}


@dataclass(frozen=True)
class CodexTerminal(Running):
    """A terminal of Codex; `session` is empty until the first message. `path` is the session's file, and `known` when
    its `activity` was looked up. In the `background` a turn goes on without its terminal."""

    path: Path | None = None
    known: float = 0.0
    background: bool = False


@dataclass
class CodexAgent:
    """Turns what becomes known about a terminal into messages; see `collector.source.Agent`."""

    run: str
    session: str = ""
    answers: list[tuple[HookEvent, str]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    _open: dict[str, HookEvent] = field(default_factory=dict)
    _asked: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_ASKED))
    _begun: dict[str, str] = field(default_factory=dict)
    _activity: Activity = Activity.IDLE
    _told: float = 0.0
    _source: str = "started"

    def __post_init__(self) -> None:
        self._builder = MessageBuilder(self.run)
        self.requests = OpenRequests(self._builder)

    def see(self, running: CodexTerminal) -> Iterator[Message]:
        """The terminal, whenever it is looked at."""
        if running.session != self.session:
            yield from self._enter(running)
        for event in self.asking:
            if time.time() - event.at > ANSWER_SECONDS:
                yield from self._give_way(event)
        yield from self._status()

    def hook(self, event: HookEvent) -> Iterator[Message]:
        """What a hook was told."""
        match event.event:
            case {"hook_event_name": "PermissionRequest"}:
                yield from self._ask(event)
            case {"hook_event_name": "PreToolUse", "tool_use_id": str(call)}:
                self._begin(call, event.event)
                yield from self._do(Activity.RUNNING, event.at)
            case {"hook_event_name": "PostToolUse", "tool_use_id": str(call)}:
                yield from self._called(call)
            case {"agent_id": str()}:
                pass  # a sub-agent's turn isn't the agent's
            case {"hook_event_name": "UserPromptSubmit"}:
                yield from self._settle_all()
                yield from self._do(Activity.RUNNING, event.at)
            case {"hook_event_name": "Stop" | "Interrupt"}:
                yield from self._settle_all()
                yield from self._do(Activity.IDLE, event.at)
            case {"hook_event_name": "SessionStart", "source": str(source)}:
                self._source = _CHANGES.get(source, "started")

    def heard(self, record: Mapping[str, Any], transcript: Transcript) -> Iterator[Message]:
        """A line of a rollout file."""
        match record:
            case {"payload": {"type": "function_call_output" | "custom_tool_call_output", "call_id": str(call)}}:
                yield from self._called(call)
        if session_of(transcript.path) != self.session:
            return  # a sub-agent's, or the session before
        rollout = CodexRollout(self.session)
        self.labels |= rollout.labels(record)
        if activity := rollout.activity(record):
            if activity in (Activity.IDLE, Activity.FAILED) and _written(record) >= self._told:
                yield from self._settle_all()
            yield from self._do(activity, _written(record))

    def resolved(self, request_id: str, resolution: Resolution) -> Iterator[Message]:
        """How a request ended, as the server reports it."""
        reaction = self.requests.resolve(request_id, resolution)
        event = self._open.get(reaction.key)
        if reaction.answer and event and event.asks:
            del self._open[reaction.key]
            self.answers.append((event, reaction.answer))
        yield from reaction.messages
        yield from self._status()

    def unanswerable(self, event: HookEvent) -> Iterator[Message]:
        """The hook no longer waits: the turn was interrupted, or Codex has given up."""
        self._open.pop(event.id, None)
        yield from self.requests.settle(event.id, "answered_elsewhere")

    @property
    def asking(self) -> list[HookEvent]:
        """The hooks that wait for an answer."""
        return [event for event in self._open.values() if event.asks]

    def gone(self) -> Iterator[Message]:
        """The terminal has ended; hooks that it left behind must not wait for ever."""
        self.answers += ((event, "") for event in self.asking)
        self._open.clear()
        yield from self.requests.close()
        if self.session:
            yield Session(self.session, "ended")

    def knows(self, event: HookEvent) -> bool:
        """Whether the request of a hook has been published."""
        return self.request_id(event) in self._asked

    @staticmethod
    def request_id(event: HookEvent) -> str:
        """What a hook's request is called on the server, whichever collector publishes it."""
        return f"hook-{event.id}-{event.at:.3f}"

    def _enter(self, running: CodexTerminal) -> Iterator[Message]:
        change: Any = "cleared" if self.session and self._source != "resumed" else self._source
        self.session, self._source = running.session, "started"
        self._activity, self._told = running.activity, running.known
        self.labels |= {"session": running.session, "toolVersion": running.version}
        yield Session(running.session, change, cwd=plain(running.cwd))

    # Activity

    def _do(self, activity: Activity, moment: float) -> Iterator[Message]:
        """It did that at `moment`; what is known to be newer counts."""
        if moment >= self._told:
            self._activity, self._told = activity, moment
            yield from self._status()

    def _status(self) -> Iterator[Message]:
        if self._open:
            yield from self._builder.status("waiting", "awaiting_approval")
        elif self._activity is Activity.WAITING:
            yield from self._builder.status("waiting", "awaiting_input")
        else:
            status: Any = self._activity.value
            yield from self._builder.status(status)

    def _begin(self, call: str, event: Mapping[str, Any]) -> None:
        self._begun[fingerprint(event)] = call
        if len(self._begun) > MAX_BEGUN:
            del self._begun[next(iter(self._begun))]

    # Requests

    def _ask(self, event: HookEvent) -> Iterator[Message]:
        if not self.knows(event):
            self._open[event.id] = event
            self._asked.append(self.request_id(event))
            yield from self._publish(event, self.request_id(event))

    def _give_way(self, event: HookEvent) -> Iterator[Message]:
        """Let Codex ask in its terminal."""
        self.answers.append((event, ""))
        yield from self.requests.settle(event.id, "withdrawn")
        left = HookEvent(event.id, event.at, event.hook, False, event.event)
        self._open[event.id] = left
        yield from self._publish(left, f"{self.request_id(event)}-terminal")

    def _publish(self, event: HookEvent, id_: str) -> Iterator[Message]:
        yield from self.requests.ask(asked(event, id_, self._begun.get(fingerprint(event.event)), event.asks))

    def _called(self, call: str) -> Iterator[Message]:
        """A tool call has ended, so a permission for it was answered."""
        for event in list(self._open.values()):
            if self._begun.get(fingerprint(event.event)) == call:
                yield from self._settle(event)

    def _settle_all(self) -> Iterator[Message]:
        for event in list(self._open.values()):
            yield from self._settle(event)

    def _settle(self, event: HookEvent) -> Iterator[Message]:
        del self._open[event.id]
        if event.asks:
            self.answers.append((event, ""))
        yield from self.requests.settle(event.id, "answered_elsewhere")
        yield from self._status()


def _written(record: Mapping[str, Any]) -> float:
    """When a line was written, in seconds since 1970; 0 if it doesn't say."""
    with suppress(ValueError, TypeError, KeyError, OverflowError):
        return datetime.fromisoformat(record["timestamp"]).timestamp()
    return 0.0
