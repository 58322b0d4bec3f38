"""What a tool must provide for its interactive agents to be reported: a source that finds them, and what each says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from agentstream.adapters.open_requests import OpenRequests
from agentstream.collector.activity import Activity
from agentstream.collector.feed import Translator
from agentstream.collector.hooks import HookEvent
from agentstream.collector.positions import Seat
from agentstream.collector.process import Process
from agentstream.messages import Message
from agentstream.requests import Resolution


@dataclass(frozen=True)
class Running:
    """An interactive agent that runs: its process, its current session, and when it began in seconds since 1970."""

    process: Process
    session: str
    cwd: str
    activity: Activity
    began: float
    version: str


@dataclass(frozen=True)
class Transcript:
    """A file that records a session, or that of a sub-agent. `translator` makes a translator for a segment of it."""

    path: Path
    translator: Callable[[], Translator]
    of_subagent: bool = False


Found = TypeVar("Found", bound=Running)
Told = TypeVar("Told", bound=Running, contravariant=True)


class Agent(Protocol[Told]):
    """Turns what becomes known about a running agent into messages.

    `answers` are hooks with the text to answer them with; whoever delivers them removes them. `session` is the one that
    was reported last.
    """

    run: str
    session: str
    labels: dict[str, str]
    answers: list[tuple[HookEvent, str]]
    requests: OpenRequests

    def see(self, running: Told) -> Iterable[Message]:
        """What the source says about it, twice a second."""
        ...

    def hook(self, event: HookEvent) -> Iterable[Message]:
        """What a hook of its session was told."""
        ...

    def heard(self, record: Mapping[str, Any], transcript: Transcript) -> Iterable[Message]:
        """A record that was added to a transcript, whose own messages are published already."""
        ...

    def resolved(self, request_id: str, resolution: Resolution) -> Iterable[Message]:
        """How a request ended, as the server reports it."""
        ...

    def unanswerable(self, event: HookEvent) -> Iterable[Message]:
        """A hook no longer waits for its answer."""
        ...

    def gone(self) -> Iterable[Message]:
        """The agent has ended; hooks that it left behind must not wait for ever."""
        ...

    @property
    def asking(self) -> list[HookEvent]:
        """The hooks that wait for an answer."""
        ...

    def knows(self, event: HookEvent) -> bool:
        """Whether the request of a hook has been published."""
        ...

    def request_id(self, event: HookEvent) -> str:
        """What a hook's request is called on the server, whichever collector publishes it."""
        ...


class Source(Protocol[Found]):
    """A tool whose interactive agents are reported; `tool` is its name."""

    @property
    def tool(self) -> str: ...

    def hear(self, event: HookEvent) -> None:
        """A hook of any tool was called; its agent, if it is known by its session, gets it afterwards."""
        ...

    def look(self) -> Iterable[Found]:
        """The agents that run, each with another process. It is called twice a second."""
        ...

    def has_quit(self, process: Process) -> bool:
        """Whether an agent that `look` no longer lists has ended by itself; it was killed otherwise."""
        ...

    def remembered(self, seat: Seat) -> Found:
        """An agent that ended while no collector ran."""
        ...

    def agent(self, run: str, session: str) -> Agent[Found]:
        """What turns one into messages. `run` is unique to this collector's run, `session` was reported last."""
        ...

    def transcripts(self, running: Found, known: Collection[Path]) -> Iterable[Transcript]:
        """The files of its session that exist by now; those that are `known` already may be left out."""
        ...
