"""What people tell a running agent."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

from agentstream.cursor import Cursor
from agentstream.events import Event, Gap
from agentstream.reconnection import Link
from agentstream.watch import Watch


@dataclass(frozen=True)
class Input:
    """Text that a person sent to the agent."""

    content: str


@dataclass(frozen=True)
class Signal:
    """What a person wants done to the agent's process."""

    signal: Literal["interrupt", "stop"]


Order = Input | Signal


async def orders(url: str, token: str, agent_id: str, since: int) -> AsyncGenerator[Order, None]:
    """What people tell the agent after the event `since`, each once, for as long as it is asked for.

    Raises `Refused` when the server will not let this be watched.
    """
    newest = since
    # The publisher's connection is lost at the same time, and says so.
    link = Link(url, token, level=logging.DEBUG)
    async with Watch(link, [Cursor("agent", agent_id, since)]) as events:
        async for event in events:
            match event:
                case Gap():
                    newest = _after(event, newest)
                case _ if event.seq > newest:
                    newest = event.seq
                    if order := _order(event):
                        yield order


def _after(gap: Gap, newest: int) -> int:
    """From where on orders are news. What the log of before has said may be in it again, under other numbers."""
    if gap.payload["oldest"] > newest + 1:
        return newest  # only too old events are gone
    seq: int = gap.payload["seq"]
    return seq


def _order(event: Event) -> Order | None:
    match event.type, event.payload:
        case "agent:input", {"content": str(content)}:
            return Input(content)
        case "agent:signal", {"signal": "interrupt" | "stop" as signal}:
            return Signal(signal)
        case _:
            return None
