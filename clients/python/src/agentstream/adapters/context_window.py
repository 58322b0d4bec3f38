"""How full Claude's context window is, where that is known for certain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentstream.messages import Context

_COUNTED = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
# What these models hold where Claude Code has not said it yet, which it does with the first result.
_WINDOWS = {
    re.compile(r".+\[1m\]"): 1_000_000,
    re.compile(r"claude-(3-[a-z0-9-]+|(opus|sonnet|haiku)-4(-[0-5])?(-\d{8})?)"): 200_000,
}


@dataclass
class ContextWindow:
    """Takes in what the main thread's messages have used; tells the level whenever it has changed.

    A figure over 100 % means that the window is not what it was taken for: then there is none.
    """

    _model: str | None = None
    _learned: dict[str, int] = field(default_factory=dict)
    _message: object = None
    _usage: dict[str, int] = field(default_factory=dict)
    _used: int = 0
    _told: tuple[int, int] | None = None

    def select_adapter(self, model: object) -> None:
        """The session uses this model from now on."""
        self._model = model if isinstance(model, str) else None

    @property
    def model(self) -> str | None:
        """The main thread's model."""
        return self._model

    def used(self, message: object, usage: object) -> Iterator[Context]:
        """The message of that id has used this much."""
        if message != self._message:
            self._message, self._usage = message, {}
        yield from self.grew(usage)

    def grew(self, usage: object) -> Iterator[Context]:
        """The newest message has used this much by now; what is not mentioned is as before."""
        if isinstance(usage, dict):
            self._usage |= {key: usage[key] for key in _COUNTED if _is_count(usage.get(key))}
            self._used = sum(self._usage.values())
            yield from self._tell()

    def learn(self, models: object) -> Iterator[Context]:
        """The `modelUsage` of a result, of which only the windows are of use: its counts add up whole sessions."""
        match models:
            case dict():
                windows = {
                    name: entry.get("contextWindow") for name, entry in models.items() if isinstance(entry, dict)
                }
                self._learned |= {name: window for name, window in windows.items() if _is_count(window) and window}
                yield from self._tell()

    def compacted(self, metadata: object) -> Iterator[Context]:
        """What filled the window was summed up; how much is left is only sometimes said."""
        self._usage, self._used = {}, 0
        match metadata:
            case {"post_tokens": left} if _is_count(left):
                self._used = left
                yield from self._tell()

    def emptied(self) -> Iterator[Context]:
        """A conversation has begun anew, with nothing in it."""
        self._usage, self._used, self._told = {}, 0, None
        if window := self._window():
            yield Context(0, 0, window)

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
