"""What people tell a running agent."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

from agentstream.events import Cursor, Event, Gap
from agentstream.reconnection import Reconnector
from agentstream.watch import Watch


@dataclass(frozen=True)
class Input:
    """Text that a person sent to the agent."""

    content: str


@dataclass(frozen=True)
class Signal:
    """What a person wants done to the agent's process."""

    signal: Literal["interrupt", "stop"]


Command = Input | Signal


async def commands(url: str, token: str, agent_id: str, since: int) -> AsyncGenerator[Command, None]:
    """What people tell the agent after the event `since`, each once, for as long as it is asked for.

    Raises `Refused` when the server will not let this be watched.
    """
    newest = since
    # The publisher's connection is lost at the same time, and says so.
    reconnector = Reconnector(url, token, level=logging.DEBUG)
    async with Watch(reconnector, [Cursor("agent", agent_id, since)]) as events:
        async for event in events:
            match event:
                case Gap():
                    newest = _after(event, newest)
                case _ if event.seq > newest:
                    newest = event.seq
                    if command := _command(event):
                        yield command


def _after(gap: Gap, newest: int) -> int:
    """From where on commands are news. What the log of before has said may be in it again, under other numbers."""
    if gap.payload["oldest"] > newest + 1:
        return newest  # only too old events are gone
    seq: int = gap.payload["seq"]
    return seq


def _command(event: Event) -> Command | None:
    match event.type, event.payload:
        case "agent:input", {"content": str(content)}:
            return Input(content)
        case "agent:signal", {"signal": "interrupt" | "stop" as signal}:
            return Signal(signal)
        case _:
            return None
