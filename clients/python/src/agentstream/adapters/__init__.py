"""Adapters turn a command's output into events; one small module for each kind of command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from agentstream.adapters.open_requests import OpenRequests
from agentstream.messages import Message

Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True)
class Chunk:
    """The result of one read of one stream: whole lines, or a part of one if the rest is slow to arrive.

    `text` keeps its newlines; `at` is when it arrived, in seconds of a monotonic clock.
    """

    stream: Stream
    text: str
    at: float


@dataclass(frozen=True)
class Step:
    """What to write to the command's stdin, and messages to publish."""

    stdin: str = ""
    messages: tuple[Message, ...] = ()


class Driver(Protocol):
    """Talks to a command that expects more than people's input. Keeps state, but uses no I/O and no clock."""

    def step(self) -> Step:
        """What to do next; asked for at the start, after each chunk of output and after each input."""
        ...

    def interrupt(self) -> Step:
        """What to do when a person interrupts the command."""
        ...


class Adapter(Protocol):
    """Turns chunks into messages. Keeps state, but uses no I/O and no clock."""

    @property
    def driver(self) -> Driver | None:
        """None if the command only reads input: then it also gets what is piped into this program, and interrupting it
        is a signal."""
        ...

    @property
    def terminal(self) -> bool:
        """Whether the command should write to a terminal, so that it prints line by line."""
        ...

    @property
    def accepts_input(self) -> bool:
        """Whether the command reads people's input; if not, it gets this program's own stdin."""
        ...

    @property
    def requests(self) -> OpenRequests:
        """The command's open requests to people."""
        ...

    def feed(self, chunk: Chunk) -> Iterable[Message]:
        """The messages in this chunk."""
        ...

    def close(self) -> Iterable[Message]:
        """The remaining messages, once both streams have ended."""
        ...

    def reply(self, content: str) -> str:
        """What to write to the command's stdin for a person's input, including the newline."""
        ...
