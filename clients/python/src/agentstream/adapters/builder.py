"""Builds the messages of a run, for all translators: messages that grow, tool calls, the status."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentstream.adapters.bounds import plain
from agentstream.adapters.tools import beside
from agentstream.messages import Failure, Kind, Message, Output, Role, Status, StatusChange, encode

# The server's bound for ids and names.
LABEL = 200


def label(value: object) -> str | None:
    """`value` as an id or name that the server accepts; None if it can't be one."""
    return plain(value[:LABEL]) if isinstance(value, str) and value else None


def as_text(value: object) -> str:
    """`value` for display: text unchanged, anything else as JSON."""
    return value if isinstance(value, str) else encode(value)


def append_line(text: str, line: str) -> str:
    """`text` with `line` added below it."""
    gap = "\n" if text and not text.endswith("\n") else ""
    return text + gap + line


@dataclass(frozen=True)
class Speaker:
    """Who or what produced a message."""

    role: Role = "assistant"
    kind: Kind = "text"
    call: str | None = None
    tool: str | None = None
    parent: str | None = None


@dataclass
class StreamedMessage:
    """A message that arrives piece by piece, under one id."""

    voice: Speaker
    message_id: str
    over: bool = False
    _said: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        """The text so far."""
        return "".join(self._said)

    def add(self, text: str) -> Iterator[Output]:
        """Add a piece."""
        if text and not self.over:
            self._said.append(text)
            yield self._output(text, True)

    def end(self) -> Iterator[Output]:
        """End the message."""
        if not self.over:
            self.over = True
            if self._said:
                yield self._output("", False)

    def _output(self, text: str, is_streaming: bool) -> Output:
        voice = self.voice
        return Output(
            text,
            voice.role,
            self.message_id,
            is_streaming,
            voice.kind,
            voice.call,
            voice.tool,
            parent_id=voice.parent,
        )


@dataclass
class MessageBuilder:
    """Builds the messages of one run. `run` must be unique to it, because message ids begin with it."""

    run: str
    _messages: int = 0
    _status: tuple[Status, str | None] | None = None
    _growing: dict[str, StreamedMessage] = field(default_factory=dict)
    _open: list[StreamedMessage] = field(default_factory=list)
    _tools: dict[str, str] = field(default_factory=dict)
    _failure: str | None = None

    def begin(self, voice: Speaker) -> StreamedMessage:
        """Start a message that will grow."""
        self._open = [*(growing for growing in self._open if not growing.over), StreamedMessage(voice, self._next())]
        return self._open[-1]

    def end(self) -> Iterator[Output]:
        """End all messages and calls, because the turn or the run is over."""
        for growing in self._open:
            yield from growing.end()
        self._growing.clear()

    def say(self, text: str, voice: Speaker = Speaker(), **more: Any) -> Iterator[Output]:
        """A complete message; nothing if it is empty. `more` are additional fields."""
        if text:
            yield Output(
                text,
                voice.role,
                self._next(),
                None,
                voice.kind,
                voice.call,
                voice.tool,
                parent_id=voice.parent,
                **more,
            )

    def grow(self, key: str, text: str, voice: Speaker, over: bool) -> Iterator[Output]:
        """The new part of a message that the tool repeats in full under `key`; `text` is all of it so far."""
        growing = self._growing[key] = self._growing.get(key) or self.begin(voice)
        if text.startswith(said := growing.said):
            yield from growing.add(text[len(said) :])
        else:
            # The tool rewrote the message. Published text can't be taken back, so publish all of it again.
            yield from growing.end()
            growing = self._growing[key] = self.begin(voice)
            yield from growing.add(text)
        if over:
            yield from growing.end()
            del self._growing[key]

    def growing(self, key: str) -> bool:
        """Whether a part of that message has been published."""
        return key in self._growing

    def call(
        self,
        call: object,
        tool: object,
        content: str,
        input_: object = None,
        parent: str | None = None,
        **more: Any,
    ) -> Iterator[Output]:
        """A tool call, by the sub-agent `parent` if any. Its result may refer to it by the id alone. `more` are fields
        that the tool itself reports."""
        call, tool = label(call), label(tool)
        if call and tool:
            self._tools[call] = tool
        yield from self.say(content, Speaker("tool", "tool_call", call, tool, parent), **(beside(tool, input_) | more))

    def result_of(self, call: object, parent: str | None = None) -> Speaker:
        """The speaker of the call's result."""
        call = label(call)
        return Speaker("tool", "tool_result", call, self._tools.get(call or ""), parent)

    def called(self, call: object) -> bool:
        """Whether that call has been published and hasn't ended."""
        return label(call) in self._tools

    def result(
        self,
        call: object,
        content: str,
        *,
        is_error: bool | None = None,
        duration_ms: int | None = None,
        parent: str | None = None,
        **more: Any,
    ) -> Iterator[Output]:
        """A call's result; an empty one says so."""
        voice = self.result_of(call, parent)
        yield from self.say(content or "(no output)", voice, is_error=is_error, duration_ms=duration_ms, **more)
        self.ended(call)

    def ended(self, call: object) -> None:
        """Forget a call that has ended."""
        self._tools.pop(label(call) or "", None)

    def status(self, status: Status, reason: str | None = None) -> Iterator[Message]:
        """The status, if it has changed."""
        if self._status != (status, reason):
            self._status = (status, reason)
            self._failure = None
            yield StatusChange(status, reason)

    def failed(self, code: str, message: object) -> Iterator[Message]:
        """An error, which by itself doesn't change the status: tools report again if it ends the turn."""
        said = as_text(message)
        if said != self._failure:
            self._failure = said
            yield Failure.brief(label(code) or "error", said)

    def _next(self) -> str:
        self._messages += 1
        return f"{self.run}-{self._messages}"
