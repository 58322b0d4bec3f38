"""One process of opencode as an agent: what its plugin says it does, and what it asks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agentstream.adapters.bounds import line, plain
from agentstream.adapters.builder import LABEL, MessageBuilder
from agentstream.adapters.open_requests import OpenRequests
from agentstream.adapters.progress import total, usage
from agentstream.collector.activity import Activity
from agentstream.collector.hooks import HookEvent
from agentstream.collector.opencode_requests import asked
from agentstream.collector.source import Running, Transcript
from agentstream.messages import Context, Message, Session, Usage
from agentstream.requests import Resolution

# Requests that may take a moment to go when they have been answered.
MAX_ASKED = 200


@dataclass(frozen=True)
class OpencodeProcess(Running):
    """A process of opencode; `state` is what its plugin says, `events` the file with what was said."""

    state: Mapping[str, Any]
    events: Path


@dataclass
class OpencodeAgent:
    """Turns what the plugin says into messages. `run` is unique to this collector's run.

    `answers` are hooks with the text to answer them with; whoever delivers them removes them.
    """

    run: str
    session: str = ""  # the session that was reported last
    answers: list[tuple[HookEvent, str]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    _asking: dict[str, HookEvent] = field(default_factory=dict)
    _asked: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_ASKED))
    _context: Context | None = None
    _usage: Usage | None = None

    def __post_init__(self) -> None:
        self._builder = MessageBuilder(self.run)
        self.requests = OpenRequests(self._builder)

    def see(self, process: OpencodeProcess) -> Iterator[Message]:
        """What the plugin says now."""
        state = process.state
        if process.session and process.session != self.session:
            change: Any = "started" if state.get("change") == "started" else "resumed"
            self.session = process.session
            self.labels.pop("title", None)
            yield Session(plain(self.session[:LABEL]), change, cwd=plain(process.cwd))
        for name, told in (("session", process.session), ("title", state.get("title")), ("model", state.get("model"))):
            if isinstance(told, str) and (shown := line(told, LABEL)):
                self.labels[name] = shown
        if process.version:
            self.labels["toolVersion"] = line(process.version, LABEL)
        yield from self._counted(state)
        if not self.requests:
            yield from self._status(process.activity, state)

    def hook(self, event: HookEvent) -> Iterator[Message]:
        """Something is asked."""
        waiting = asked(event.id, event.event) if event.asks and not self.knows(event) else None
        if waiting:
            self._asking[event.id] = event
            self._asked.append(self.request_id(event))
            yield from self.requests.ask(replace(waiting, id=self.request_id(event)))

    def heard(self, record: Mapping[str, Any], transcript: Transcript) -> Iterable[Message]:
        """All of it is published already."""
        return ()

    def resolved(self, request_id: str, resolution: Resolution) -> Iterator[Message]:
        """How a request ended, as the server reports it."""
        reaction = self.requests.resolve(request_id, resolution)
        if reaction.answer and (event := self._asking.pop(reaction.key, None)):
            self.answers.append((event, reaction.answer))
        yield from reaction.messages

    def unanswerable(self, event: HookEvent) -> Iterator[Message]:
        """opencode has its answer from the terminal, or no longer asks."""
        self._asking.pop(event.id, None)
        yield from self.requests.settle(event.id, "answered_elsewhere")

    def gone(self) -> Iterator[Message]:
        """The process has ended."""
        self._asking.clear()
        yield from self.requests.close()
        if self.session:
            yield Session(plain(self.session[:LABEL]), "ended")

    @property
    def asking(self) -> list[HookEvent]:
        """What waits for an answer."""
        return list(self._asking.values())

    def knows(self, event: HookEvent) -> bool:
        """Whether that request has been published."""
        return self.request_id(event) in self._asked

    def request_id(self, event: HookEvent) -> str:
        """What a request is called on the server, whichever collector publishes it."""
        return f"hook-{event.id}"[:100]

    def _status(self, activity: Activity, state: Mapping[str, Any]) -> Iterator[Message]:
        if state.get("status") == "retry" and activity is Activity.RUNNING:
            yield from self._builder.status("waiting", "rate_limited")
        else:
            yield from self._builder.status(activity.value)

    def _counted(self, state: Mapping[str, Any]) -> Iterator[Message]:
        """The context level and the session's usage, once they are known and whenever they change."""
        match state:
            case {"used": int(used), "limit": int(limit)} if 0 < used <= limit:
                context = Context(round(100 * used / limit), used, limit)
                if context != self._context:
                    self._context = context
                    yield context
        match state:
            case {"tokens": {"cache": dict() as cache} as tokens} if self.session:
                told = usage(
                    self.session[:LABEL],
                    self.labels.get("model"),
                    input_tokens=total(tokens.get("input"), cache.get("read"), cache.get("write")),
                    cached_input_tokens=total(cache.get("read")),
                    output_tokens=total(tokens.get("output"), tokens.get("reasoning")),
                    reasoning_tokens=total(tokens.get("reasoning")),
                    cost_usd=state.get("cost"),
                )
                if told != self._usage and (told.input_tokens or told.cost_usd):
                    self._usage = told
                    yield told
