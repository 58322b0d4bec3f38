"""What a watcher gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event of one stream.

    `type` and `payload` are the contract's, e.g. ``"agent:output"`` and ``{"agentId": …, "content": …}``;
    `seq` counts within `stream` (``"agent.<id>"`` or ``"workspace.<id>"``); `timestamp` is RFC 3339 in UTC.
    """

    type: str
    payload: dict[str, Any]
    seq: int
    timestamp: str
    stream: str


@dataclass(frozen=True)
class Gap(Event):
    """Events are missing here: the server no longer has what follows the last one seen.

    Its type is ``"gap"``, so that code which looks for certain types passes over it. Drop what this stream
    gave before: the next event is the oldest that is left. `payload["state"]` is the agent or workspace as
    it is now, `payload["oldest"]` and `payload["seq"]` tell what the server has; it continues after `seq`.
    """

    @property
    def state(self) -> dict[str, Any]:
        """The agent or workspace as it is now: name, status, contextLevel …"""
        state: dict[str, Any] = self.payload["state"]
        return state
