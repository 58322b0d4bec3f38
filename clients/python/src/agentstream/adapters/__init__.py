"""From what a command prints to what its viewers see; one small module for each kind of command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from agentstream.adapters.open_requests import OpenRequests
from agentstream.messages import Message

Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True)
class Chunk:
    """What one read of one stream gave: whole lines, or a part of one when its end is slow in coming.

    `text` keeps its newlines; `at` is when it came, in seconds of a clock that never goes back.
    """

    stream: Stream
    text: str
    at: float


class Adapter(Protocol):
    """Turns chunks into messages. It keeps what it must remember and does nothing else: no I/O, no clock."""

    @property
    def terminal(self) -> bool:
        """Whether the command does better when it believes that it writes to a terminal."""
        ...

    @property
    def accepts_input(self) -> bool:
        """Whether the command reads what people send it; if not, it gets this program's own stdin."""
        ...

    @property
    def requests(self) -> OpenRequests:
        """What the command asks of people, and how it is told their answers."""
        ...

    def feed(self, chunk: Chunk) -> Iterable[Message]:
        """The messages this chunk gives."""
        ...

    def close(self) -> Iterable[Message]:
        """The messages that were still waiting, once both streams have ended."""
        ...

    def reply(self, content: str) -> str:
        """What to write to the command's stdin for what a person has sent, its newline included."""
        ...
