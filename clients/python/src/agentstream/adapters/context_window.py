"""Claude's context level, reported only when certain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentstream.messages import Context

_COUNTED = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
# Window sizes of models, used until Claude Code reports the size with the first result.
_WINDOWS = {
    re.compile(r".+\[1m\]"): 1_000_000,
    re.compile(r"claude-(3-[a-z0-9-]+|(opus|sonnet|haiku)-4(-[0-5])?(-\d{8})?)"): 200_000,
}


@dataclass
class ContextWindow:
    """Tracks the usage of the main thread's messages and reports the level when it changes.

    Over 100 % means that the assumed window size is wrong: then no level is reported.
    """

    _model: str | None = None
    _learned: dict[str, int] = field(default_factory=dict)
    _message: object = None
    _usage: dict[str, int] = field(default_factory=dict)
    _used: int = 0
    _told: tuple[int, int] | None = None

    def use_model(self, model: object) -> None:
        """Use this model's window from now on."""
        self._model = model if isinstance(model, str) else None

    @property
    def model(self) -> str | None:
        """The main thread's model."""
        return self._model

    def used(self, message: object, usage: object) -> Iterator[Context]:
        """Record the usage of the message with that id."""
        if message != self._message:
            self._message, self._usage = message, {}
        yield from self.grew(usage)

    def grew(self, usage: object) -> Iterator[Context]:
        """Update the usage of the newest message; fields that are missing stay the same."""
        if isinstance(usage, dict):
            self._usage |= {key: usage[key] for key in _COUNTED if _is_count(usage.get(key))}
            self._used = sum(self._usage.values())
            yield from self._tell()

    def learn(self, models: object) -> Iterator[Context]:
        """Take window sizes from the `modelUsage` of a result; its counts are totals of the session and so useless."""
        match models:
            case dict():
                windows = {
                    name: entry.get("contextWindow") for name, entry in models.items() if isinstance(entry, dict)
                }
                self._learned |= {name: window for name, window in windows.items() if _is_count(window) and window}
                yield from self._tell()

    def compacted(self, metadata: object) -> Iterator[Context]:
        """The context was compacted; its new size is only sometimes reported."""
        self._usage, self._used = {}, 0
        match metadata:
            case {"post_tokens": left} if _is_count(left):
                self._used = left
                yield from self._tell()
            case _:
                yield from self._forget()

    def emptied(self) -> Iterator[Context]:
        """A new, empty conversation has begun."""
        self._usage, self._used = {}, 0
        if window := self._window():
            self._told = None
            yield Context(0, 0, window)
        else:
            yield from self._forget()

    def _forget(self) -> Iterator[Context]:
        """The level is no longer known."""
        if self._told is not None:
            self._told = None
            yield Context(None)

    def _tell(self) -> Iterator[Context]:
        window = self._window()
        if window and 0 < self._used <= window and self._told != (self._used, window):
            self._told = (self._used, window)
            yield Context(round(100 * self._used / window), self._used, window)

    def _window(self) -> int | None:
        if self._model is None:
            return None
        if learned := self._learned.get(self._model):
            return learned
        return next((window for names, window in _WINDOWS.items() if names.fullmatch(self._model)), None)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0
