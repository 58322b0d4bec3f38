"""Reads a tool's event lines: one JSON object each, possibly with other text between them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from agentstream.adapters import Chunk, Driver
from agentstream.adapters.builder import MessageBuilder
from agentstream.adapters.open_requests import OpenRequests
from agentstream.adapters.text import TextAdapter
from agentstream.messages import Message

Event = dict[str, Any]

# Longest line held back, in characters; a longer one isn't an event and is shown as it arrives.
MAX_EVENT_CHARACTERS = 32 * 1024 * 1024


class Translator(Protocol):
    """Translates one tool's events. Keeps state, but uses no I/O and no clock."""

    @property
    def accepts_input(self) -> bool:
        """Whether the tool reads people's input."""
        ...

    def translate(self, event: Event) -> Iterable[Message] | None:
        """The event's messages, possibly none; None if the event is unknown, so that its line is shown."""
        ...

    def close(self) -> Iterable[Message]:
        """The last messages of the run."""
        ...

    def reply(self, content: str) -> str:
        """The line that passes a person's input to the tool."""
        ...


class JsonLinesAdapter:
    """Passes the events on standard output to a translator; all other text becomes system messages."""

    # A terminal would wrap lines, and the tool might draw on it.
    terminal = False

    def __init__(
        self,
        run: str,
        translator: Translator,
        requests: OpenRequests | None = None,
        driver: Driver | None = None,
    ) -> None:
        """`requests` are the translator's, if its tool can ask people."""
        self._translator = translator
        self.driver = driver
        self.requests = OpenRequests(MessageBuilder(run)) if requests is None else requests
        self._plain = TextAdapter(f"{run}-text", "system")
        self._parts: list[str] = []
        self._held = 0
        self._passing = False

    @property
    def accepts_input(self) -> bool:
        return self._translator.accepts_input

    def feed(self, chunk: Chunk) -> Iterator[Message]:
        """The messages of the events completed by this chunk, and text that can't be part of an event."""
        if chunk.stream == "stderr":
            yield from self._plain.feed(chunk)
            return
        for piece in _lines(chunk.text):
            yield from self._take(piece, chunk.at)

    def close(self) -> Iterator[Message]:
        """The translator's last messages, and an incomplete last line as text."""
        yield from self._line(self._whole(), float("inf"))
        yield from self._translator.close()
        yield from self._plain.close()

    def reply(self, content: str) -> str:
        return self._translator.reply(content)

    def _take(self, piece: str, at: float) -> Iterator[Message]:
        self._parts.append(piece)
        self._held += len(piece)
        if piece.endswith("\n"):
            line, passing = self._whole(), self._passing
            self._passing = False
            yield from self._show(line, at) if passing else self._line(line, at)
        elif self._passing or not self._may_be_event():
            self._passing = True
            yield from self._show(self._whole(), at)

    def _may_be_event(self) -> bool:
        return self._held <= MAX_EVENT_CHARACTERS and self._parts[0].lstrip()[:1] in ("", "{")

    def _whole(self) -> str:
        text = "".join(self._parts)
        self._parts.clear()
        self._held = 0
        return text

    def _line(self, line: str, at: float) -> Iterator[Message]:
        if not line.strip():
            return
        event = _parse(line)
        messages = None if event is None else self._translator.translate(event)
        yield from self._show(line, at) if messages is None else messages

    def _show(self, text: str, at: float) -> Iterator[Message]:
        yield from self._plain.feed(Chunk("stdout", text, at))


def _lines(text: str) -> Iterator[str]:
    # Not splitlines(), which also splits at characters that JSON may contain.
    *whole, rest = text.split("\n")
    yield from (f"{line}\n" for line in whole)
    if rest:
        yield rest


def _parse(line: str) -> Event | None:
    try:
        event = json.loads(line, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _finite(number: str) -> float:
    """Refuses NaN and infinity, which JSON doesn't have. Raises ValueError."""
    if not math.isfinite(value := float(number)):
        raise ValueError(number)
    return value
