"""One Claude Code process as an agent: what its registry entry, hooks, status line and transcripts say together.

Where they disagree, the process itself counts most, then its registry entry, then hooks, then the transcript.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from agentstream.adapters.bounds import line, plain
from agentstream.adapters.builder import LABEL, MessageBuilder, Speaker
from agentstream.adapters.claude_requests import Decision, asked
from agentstream.adapters.open_requests import OpenRequests
from agentstream.adapters.progress import MAX_LIMITS, usage
from agentstream.collector.activity import Activity
from agentstream.collector.claude_registry import ClaudeProcess
from agentstream.collector.claude_tasks import ClaudeTasks
from agentstream.collector.claude_transcript import ClaudeTranscript
from agentstream.collector.hooks import HookEvent
from agentstream.collector.source import Transcript
from agentstream.concurrency import clock
from agentstream.messages import Context, Message, Session, Usage, UsageLimit, encode
from agentstream.requests import Resolution

Fields = Mapping[str, Any]

# Calls that have begun, by which a permission finds its tool call.
MAX_BEGUN = 200
# Requests of hooks, which may take a moment to go when they have been answered.
MAX_ASKED = 200
# An answer at the terminal changes the registry entry a little later than the hook was called.
SETTLED_SECONDS = 0.5
# How long a sub-agent's hook waits for people elsewhere before the terminal asks.
HELD_SECONDS = 60.0
NOW_IN_THE_TERMINAL = "Nobody has answered here, so the terminal asks now.\n"
# The hook that says how a session began is called about when the registry first has it.
ANNOUNCED_LOOKS = 3
_CHANGES = {"startup": "started", "resume": "resumed", "fork": "resumed", "clear": "cleared"}


@dataclass
class ClaudeAgent:
    """Turns what becomes known about a process into messages. `run` is unique to this collector's run.

    `answers` are hooks with the text to answer them with; whoever delivers them removes them.
    """

    run: str
    tasks: ClaudeTasks
    session: str = ""  # the session that was reported last
    answers: list[tuple[HookEvent, str]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    _asking: dict[str, HookEvent] = field(default_factory=dict)
    _asked: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_ASKED))
    _begun: dict[str, str] = field(default_factory=dict)
    _failed: bool = False
    _context: Context | None = None
    _source: str | None = None  # how the session began, if a hook has said so
    _default: str = "started"  # the same, if none does
    _unannounced: int = 0  # looks until the session is announced even so
    _pending: str = ""  # the folder of a session that hasn't been announced
    _shown: set[str] = field(default_factory=set)  # hooks whose dialogs have been open in the terminal
    _held: dict[str, float] = field(default_factory=dict)  # hooks that keep a dialog from opening, and since when
    _changed: float = 0.0  # when the registry entry that was seen last had changed
    _outdated: float | None = None  # the same, when a dialog was closed that the entry may still speak of
    _usage: Usage | None = None
    _cost: float = 0.0
    _cost_before: float = 0.0

    def __post_init__(self) -> None:
        self._builder = MessageBuilder(self.run)
        self.requests = OpenRequests(self._builder)

    def see(self, process: ClaudeProcess) -> Iterator[Message]:
        """The process's registry entry, whenever it is read."""
        if process.session != self.session:
            yield from self._announce()
            self._enter(process)
        elif self._unannounced:
            self._unannounced -= 1
            if self._source or not self._unannounced:
                yield from self._announce()
        yield from self._give_way()
        if process.activity is Activity.WAITING:
            self._shown.update(self._asking)
        elif process.changed > 0:
            yield from self._answered_at_the_terminal(process.changed)
        if process.activity is Activity.RUNNING:
            self._failed = False
        if process.activity is Activity.RUNNING or process.changed != self._changed:
            yield from filter(None, (self.tasks.changed(self.session),))
        if process.title:
            self.labels["title"] = line(process.title, LABEL)
        self._changed = process.changed
        if not self.requests and not self._failed and process.changed != self._outdated:
            yield from self._status(process)

    def hook(self, event: HookEvent) -> Iterable[Message]:
        """What a hook was told."""
        match event.event:
            case {"hook_event_name": "PermissionRequest"} if event.asks:
                return self._ask(event)
            case {"hook_event_name": "PreToolUse"}:
                return self._begin(event.event)
            case {"hook_event_name": "PostToolUse" | "PostToolUseFailure", "tool_use_id": call}:
                return self.requests.settle_call(call)
            case {"hook_event_name": "StopFailure", "error": str(code)}:
                return self._fail(code, event.event)
            case {"hook_event_name": "Stop" | "UserPromptSubmit"}:
                return self._settle_dialogs()
            case {"hook_event_name": "SessionStart", "source": str(source)}:
                self._source = _CHANGES.get(source)
                return ()
            case {"context_window": dict()}:
                return self._status_line(event.event)
            case _:
                return ()

    def resolved(self, request_id: str, resolution: Resolution) -> Iterator[Message]:
        """How a request ended, as the server reports it."""
        reaction = self.requests.resolve(request_id, resolution)
        if reaction.answer:
            self._outdated = self._changed
            self._answer(reaction.key, reaction.answer)
        yield from reaction.messages

    def unanswerable(self, event: HookEvent) -> Iterator[Message]:
        """The hook no longer waits: the terminal has answered, or Claude has given up."""
        self._asking.pop(event.id, None)
        self._held.pop(event.id, None)
        self._shown.discard(event.id)
        yield from self.requests.settle(event.id, "answered_elsewhere")

    def heard(self, record: Fields, transcript: Transcript) -> Iterable[Message]:
        """A record of a transcript: it may give the session its title."""
        if title := ClaudeTranscript().title(record):
            self.labels["title"] = title
        return ()

    @property
    def asking(self) -> list[HookEvent]:
        """The hooks that wait for an answer."""
        return list(self._asking.values())

    def gone(self) -> Iterator[Message]:
        """The process has ended; hooks that it left behind must not wait for ever."""
        for event in self.asking:
            self._answer(event.id, "")
        yield from self.requests.close()
        yield from self._announce()
        if self.session:
            yield Session(self.session, "ended")

    def _enter(self, process: ClaudeProcess) -> None:
        self._default = "cleared" if self.session else "started"
        self.session, self._unannounced, self._pending = process.session, ANNOUNCED_LOOKS, process.cwd
        self._cost_before = self._cost
        self.labels.pop("title", None)
        self.labels |= {"session": process.session, "toolVersion": process.version}

    def _announce(self) -> Iterator[Message]:
        """Report the session, unless that was done."""
        if self._pending:
            change: Any = self._source or self._default
            yield Session(self.session, change, cwd=plain(self._pending))
        self._pending, self._source, self._unannounced = "", None, 0

    def _status(self, process: ClaudeProcess) -> Iterator[Message]:
        if process.activity is Activity.WAITING:
            approval = "permission" in (process.waiting_for or "")
            yield from self._builder.status("waiting", "awaiting_approval" if approval else "awaiting_input")
        else:
            yield from self._builder.status("running" if process.activity is Activity.RUNNING else "idle")

    # Requests

    def knows(self, event: HookEvent) -> bool:
        """Whether the request of a hook has been published."""
        return self.request_id(event) in self._asked

    @staticmethod
    def request_id(event: HookEvent) -> str:
        """What a hook's request is called on the server, whichever collector publishes it."""
        return f"hook-{event.id}-{event.at:.3f}"

    def _ask(self, event: HookEvent) -> Iterator[Message]:
        if self.knows(event):
            return
        self._asking[event.id] = event
        if "agent_id" in event.event:
            self._held[event.id] = clock()
        self._asked.append(self.request_id(event))
        wish = dict(event.event)
        wish["input"] = wish.get("tool_input", {})
        call = self._begun.get(_fingerprint(event.event))
        if call:
            wish["tool_use_id"] = call
        waiting = asked(event.id, wish, _hook_output)
        yield from self.requests.ask(replace(waiting, id=self.request_id(event)))

    def _begin(self, event: Fields) -> Iterator[Message]:
        if isinstance(call := event.get("tool_use_id"), str):
            self._begun[_fingerprint(event)] = call
            if len(self._begun) > MAX_BEGUN:
                del self._begun[next(iter(self._begun))]
        yield from ()

    def _answered_at_the_terminal(self, changed: float) -> Iterator[Message]:
        """No dialog is open since `changed`. For one that has been seen it doesn't matter whether clocks have jumped.
        Sub-agents in the background may have none, so theirs stay open."""
        for event in self.asking:
            is_over = "agent_id" not in event.event and changed > event.at + SETTLED_SECONDS
            if is_over or event.id in self._shown:
                yield from self._settle(event)

    def _give_way(self) -> Iterator[Message]:
        """A sub-agent in the background has no dialog while its hook waits: let the terminal ask as well."""
        for key, since in list(self._held.items()):
            if clock() - since > HELD_SECONDS:
                yield from self.requests.settle(key, "withdrawn")
                yield from self._builder.say(NOW_IN_THE_TERMINAL, Speaker("system"))
                self._answer(key, "")

    def _settle_dialogs(self) -> Iterator[Message]:
        for event in self.asking:
            if "agent_id" not in event.event:
                self._outdated = self._changed
                yield from self._settle(event)

    def _settle(self, event: HookEvent) -> Iterator[Message]:
        yield from self.requests.settle(event.id, "answered_elsewhere")
        self._answer(event.id, "")

    def _answer(self, key: str, text: str) -> None:
        self._shown.discard(key)
        self._held.pop(key, None)
        if event := self._asking.pop(key, None):
            self.answers.append((event, text))

    # Everything else

    def _fail(self, code: str, event: Fields) -> Iterator[Message]:
        self._failed = True
        said = event.get("last_assistant_message") or event.get("error_details") or code
        if code == "rate_limit":
            yield from self._builder.status("waiting", "rate_limited")
        else:
            yield from self._builder.failed(code, said)
            yield from self._builder.status("error")

    def _status_line(self, event: Fields) -> Iterator[Message]:
        match event:
            case {"model": {"id": str(model)}}:
                self.labels["model"] = line(model, LABEL)
        if isinstance(title := event.get("session_name"), str) and title:
            self.labels["title"] = line(title, LABEL)
        if (context := _context(event["context_window"])) and context != self._context:
            self._context = context
            yield context
        match event:
            case {"session_id": self.session, "cost": {"total_cost_usd": int() | float() as cost}}:
                # The process counts on when it begins a new session.
                self._cost = cost
                told = usage(self.session, self.labels.get("model"), cost_usd=round(cost - self._cost_before, 6))
                told = replace(told, limits=tuple(_limits(event.get("rate_limits"))) or None)
                if told != self._usage and (told.cost_usd or told.limits):
                    self._usage = told
                    yield told


def _fingerprint(event: Fields) -> str:
    return encode([event.get("agent_id"), event.get("tool_name"), event.get("tool_input")])


def _hook_output(decision: Decision) -> str:
    return encode({"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}})


def _context(window: Fields) -> Context | None:
    match window:
        case {"context_window_size": int(size), "current_usage": dict() as used} if size > 0:
            counts = [used.get(name) for name in _COUNTED]
            tokens = sum(count for count in counts if type(count) is int and count >= 0)
            return Context(min(100, round(100 * tokens / size)), tokens, size)
        case _:
            return None


_COUNTED = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")


def _limits(given: object) -> Iterator[UsageLimit]:
    entries = list(given.items())[:MAX_LIMITS] if isinstance(given, dict) else []
    for name, entry in entries:
        match entry:
            case {"used_percentage": int() | float() as share} if 0 <= share <= 1_000:
                yield UsageLimit(plain(str(name)[:100]), float(share), _moment(entry.get("resets_at")))


def _moment(seconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if type(seconds) is int and seconds >= 0 else None
    except (OverflowError, ValueError, OSError):
        return None
