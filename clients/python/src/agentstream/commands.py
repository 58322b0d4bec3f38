"""The commands people send to a running agent: input and signals.

A command is acted on only if the server's log contains it. Events arrive over the server's channel layer (Redis, where
there are several processes), and whoever can write to that could forge one. So an event only announces a command; what
runs is what the log says, read from the database over HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

from agentstream.api import Api
from agentstream.concurrency import within
from agentstream.errors import TryLater, Unreachable
from agentstream.events import Cursor, Event, Gap
from agentstream.reconnection import Backoff, Reconnector
from agentstream.watch import Watch

log = logging.getLogger("agentstream")

COMMAND_TYPES = ("agent:input", "agent:signal")
# Seconds between two reads of the log after a forged event, which may have hidden a real one.
POLL_SECONDS = 5.0
PAGE_EVENTS = 100


@dataclass(frozen=True)
class Input:
    """Text that a person sent to the agent."""

    content: str


@dataclass(frozen=True)
class Signal:
    """What a person wants done to the agent's process."""

    signal: Literal["interrupt", "stop"]


@dataclass(frozen=True)
class Forged:
    """An event announced a command that the log does not contain. Told once; from then on the log is polled."""


Command = Input | Signal | Forged


async def commands(api: Api, agent_id: str, since: int) -> AsyncGenerator[Command, None]:
    """The commands sent to the agent after the event `since`, each once, until the generator is closed.

    Raises `Refused` when the server does not let the token's user watch the agent.
    """
    reader = CommandReader(api, agent_id, since)
    # The publisher's connection breaks at the same time, and logs it.
    reconnector = Reconnector(api.url, api.token, level=logging.DEBUG)
    async with Watch(reconnector, [Cursor("agent", agent_id, since)]) as events:
        while True:
            try:
                event = await within(POLL_SECONDS if reader.forged else None, anext(events))
                found = await reader.receive(event)
            except asyncio.TimeoutError:
                found = await reader.read()
            for command in found:
                yield command


@dataclass
class CommandReader:
    """Confirms commands from the log. Everything up to the event `position` has been handled."""

    api: Api
    agent_id: str
    position: int
    forged: bool = False

    async def receive(self, event: Event) -> list[Command]:
        """What to do now that `event` has arrived."""
        match event:
            case _ if self.forged:
                return await self.read() if isinstance(event, Gap) or _command(event) else []
            case Gap():
                self.position = _position_after(event, self.position)
                return []
            case _ if event.seq <= self.position:
                return []
            case _:
                return await self._confirm(event)

    async def read(self) -> list[Command]:
        """All commands that the log has after `position`."""
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

    async def _events(self, since: int, limit: int, types: tuple[str, ...] = ()) -> list[Event]:
        backoff = Backoff()
        while True:
            try:
                events = await self.api.events(self.agent_id, since, limit, types)
            except (Unreachable, TryLater) as failed:
                log.debug("%s; trying again", failed)
                await backoff.sleep()
            else:
                # A `since` beyond the newest event is answered from the oldest on.
                return [event for event in events if event.seq > since]


def _position_after(gap: Gap, position: int) -> int:
    """Where to go on after a gap. A restored log may repeat old commands under new numbers: those are skipped."""
    if gap.payload["oldest"] > position + 1:
        return position  # only events that are too old are gone
    seq: int = gap.payload["seq"]
    return seq


def _command(event: Event) -> Input | Signal | None:
    match event.type, event.payload:
        case "agent:input", {"content": str(content)}:
            return Input(content)
        case "agent:signal", {"signal": "interrupt" | "stop" as signal}:
            return Signal(signal)
        case _:
            return None
