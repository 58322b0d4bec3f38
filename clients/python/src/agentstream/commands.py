"""Commands from people to a running agent: input, signals, and answers to its requests.

A command is executed only if the server's log contains it. Events arrive over the server's channel layer (Redis, with
several processes), and anyone who can write to that could forge one. So an event only announces a command; the command
itself is read from the log, over HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Literal

from agentstream.api import Api
from agentstream.concurrency import within
from agentstream.errors import NotFound, Refused
from agentstream.events import Cursor, Event, Gap
from agentstream.reconnection import Reconnector, persistently
from agentstream.requests import Resolution
from agentstream.sharing import SharedConnection, Sharer
from agentstream.watch import Watch

log = logging.getLogger("agentstream")

COMMAND_TYPES = ("agent:input", "agent:signal", "agent:request_resolved")
# Seconds between two reads of the log after a forged event, which may have hidden a real one.
POLL_SECONDS = 5.0
PAGE_EVENTS = 100
# What is published in place of a forged command.
IGNORED = (
    "A command was ignored because the server's log does not contain it: something else may be able to"
    " write to the server's Redis.\n"
)


@dataclass(frozen=True)
class Input:
    """Text that a person sent to the agent."""

    content: str


@dataclass(frozen=True)
class Signal:
    """A person interrupts or stops the agent's process."""

    signal: Literal["interrupt", "stop"]


@dataclass(frozen=True)
class Resolved:
    """One of the agent's requests has ended."""

    request_id: str
    resolution: Resolution


@dataclass(frozen=True)
class Forgotten:
    """The server doesn't know a request for whose answer the agent is waiting."""

    request_id: str


@dataclass(frozen=True)
class Forged:
    """An event announced a command that the log doesn't contain. Reported once; from then on the log is polled."""


Command = Input | Signal | Resolved | Forgotten | Forged


async def commands(
    api: Api, agent_id: str, since: int, requests: Iterable[str] = (), connection: SharedConnection | None = None
) -> AsyncGenerator[Command, None]:
    """The commands sent to the agent after the event `since`, each once, until the generator is closed.

    Iterating `requests` yields the ids of the currently open requests. Their state is queried when events are missing.
    `connection` is shared with others.

    Raises `Refused` if the server doesn't let the token's user watch the agent.
    """
    reader = CommandReader(api, agent_id, since, requests)
    # The publisher's connection breaks at the same time, and logs it.
    connector = Sharer(connection) if connection else Reconnector(api.url, api.token, level=logging.DEBUG)
    async with Watch(connector, [Cursor("agent", agent_id, since)]) as events:
        while True:
            try:
                event = await within(POLL_SECONDS if reader.forged else None, anext(events))
                found = await reader.receive(event)
            except TimeoutError:
                found = await reader.read()
            for command in found:
                yield command


async def for_each(commands: AsyncGenerator[Command, None], handle: Callable[[Command], Awaitable[None]]) -> None:
    """Handle each command, until there are no more or the server refuses to tell of any, which is logged."""
    try:
        async with aclosing(commands):
            async for command in commands:
                await handle(command)
    except Refused as refused:
        log.error("the command can't receive input or signals from people: %s", refused)


@dataclass
class CommandReader:
    """Confirms commands from the log. Everything up to the event `position` has been handled."""

    api: Api
    agent_id: str
    position: int
    requests: Iterable[str] = ()
    forged: bool = False

    async def receive(self, event: Event) -> list[Command]:
        """The commands to execute now that `event` has arrived."""
        match event:
            case Gap():
                if not self.forged:
                    self.position = _position_after(event, self.position)
                return [*(await self.read() if self.forged else []), *await self._ended()]
            case _ if self.forged:
                return await self.read() if _command(event) else []
            case _ if event.seq <= self.position:
                return []
            case _:
                return await self._confirm(event)

    async def read(self) -> list[Command]:
        """All commands in the log after `position`."""
        found: list[Command] = []
        while events := await self._events(self.position, PAGE_EVENTS, COMMAND_TYPES):
            found += filter(None, map(_command, events))
            self.position = events[-1].seq
        return found

    async def _confirm(self, event: Event) -> list[Command]:
        if announced := _command(event):
            stored = await self._events(event.seq - 1, 1)
            if [(one.seq, _command(one)) for one in stored] != [(event.seq, announced)]:
                log.error("ignored a forged command: the server's log has no such event %d", event.seq)
                self.forged = True
                return [Forged(), *await self.read()]
        self.position = event.seq
        return [announced] if announced else []

    async def _ended(self) -> list[Command]:
        """The state of open requests, whose end may be among the missing events."""
        found: list[Command] = []
        for request_id in self.requests:
            try:
                request = await persistently(partial(self.api.request, self.agent_id, request_id), logging.DEBUG)
            except NotFound:
                found.append(Forgotten(request_id))
            else:
                if "resolution" in request:
                    found.append(Resolved(request_id, Resolution.of(request["resolution"])))
        return found

    async def _events(self, since: int, limit: int, types: tuple[str, ...] = ()) -> list[Event]:
        events = await persistently(lambda: self.api.events(self.agent_id, since, limit, types), logging.DEBUG)
        # For a `since` beyond the newest event the server starts at the oldest.
        return [event for event in events if event.seq > since]


def _position_after(gap: Gap, position: int) -> int:
    """Where to continue after a gap. A restored log may contain old commands under new numbers: those are skipped."""
    if gap.payload["oldest"] > position + 1:
        return position  # only events that are too old are gone
    seq: int = gap.payload["seq"]
    return seq


def _command(event: Event) -> Input | Signal | Resolved | None:
    match event.type, event.payload:
        case "agent:input", {"content": str(content)}:
            return Input(content)
        case "agent:signal", {"signal": "interrupt" | "stop" as signal}:
            return Signal(signal)
        case "agent:request_resolved", {"requestId": str(id_), "outcome": _}:
            return Resolved(id_, Resolution.of(event.payload))
        case _:
            return None
