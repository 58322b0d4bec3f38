"""The scripted model's answers, independent of the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Text:
    """Words, in the pieces in which they are streamed."""

    pieces: tuple[str, ...]


@dataclass(frozen=True)
class Thought:
    """What it thinks first."""

    pieces: tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """A tool that it wants used. `given` is text where the tool takes no JSON; `space` is of tools with a namespace."""

    tool: str
    given: dict[str, Any] | str
    space: str | None = None


@dataclass(frozen=True)
class Search:
    """A search of the web that the model's host has made by itself."""

    query: str


Part = Text | Thought | Call | Search


@dataclass(frozen=True)
class Reply:
    """One answer, and how many tokens it claims to have read and written; `cut` where it was not to write more."""

    parts: tuple[Part, ...]
    read: int = 1_000
    cached: int = 20_000
    written: int = 50
    cut: bool = False


@dataclass(frozen=True)
class Refusal:
    """The API's error in place of an answer."""

    status: int
    kind: str
    message: str


Answer = Reply | Refusal


def text(*pieces: str) -> Text:
    return Text(pieces)


def thought(*pieces: str) -> Thought:
    return Thought(pieces)


def reply(*parts: Part, cached: int = 20_000, written: int = 50, cut: bool = False) -> Reply:
    return Reply(parts, cached=cached, written=written, cut=cut)
