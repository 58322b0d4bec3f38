"""Events of a stream, and a watcher's position in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Event:
    """One event of one stream.

    `type` and `payload` are the protocol's, e.g. ``"agent:output"`` and ``{"agentId": …, "content": …}``;
    `seq` counts within `stream` (``"agent.<id>"``, ``"workspace.<id>"`` or ``"inbox"``); `timestamp` is RFC 3339 in
    UTC.
    """

    type: str
    payload: dict[str, Any]
    seq: int
    timestamp: str
    stream: str


@dataclass(frozen=True)
class Gap(Event):
    """Events are missing here: the server no longer has what follows the last one seen.

    Its type is ``"gap"``, so that code which looks for certain types ignores it. Discard everything from this stream
    so far: the next event is the oldest retained one. `payload["state"]` is the current agent or workspace,
    `payload["oldest"]` and `payload["seq"]` are the range that the server has; the stream continues after `seq`.
    """

    @property
    def state(self) -> dict[str, Any]:
        """The current agent or workspace: name, status, contextLevel …"""
        state: dict[str, Any] = self.payload["state"]
        return state


Kind = Literal["agent", "workspace", "inbox"]
Wire = dict[str, Any]


def stream_of(message: Wire) -> str | None:
    """The name of the stream that a message from the server concerns; None if it concerns none."""
    match message:
        case {"type": "subscribed" | "unsubscribed", "payload": {"type": "inbox"}}:
            return "inbox"
        case {"type": "subscribed" | "unsubscribed", "payload": {"type": kind, "id": id}}:
            return f"{kind}.{id}"
        case {"seq": _, "type": str(type_)} if type_.startswith("inbox:"):
            return "inbox"
        case {"seq": _, "payload": {"agentId": id}}:
            return f"agent.{id}"
        case {"seq": _, "payload": {"workspaceId": id}}:
            return f"workspace.{id}"
        case _:
            return None


@dataclass
class Cursor:
    """A position in the stream of an agent or workspace, or in the user's inbox, which has no id.

    `since` is the `seq` of the last event seen and `at` its timestamp, None if unknown.
    """

    kind: Kind
    id: str
    since: int | None = None
    at: str | None = None

    @property
    def stream(self) -> str:
        """The stream's name, as in ``"agent.<id>"``."""
        return f"{self.kind}.{self.id}" if self.id else self.kind

    def request(self) -> Wire:
        """The message that subscribes from here."""
        payload: Wire = {f"{self.kind}Id": self.id or None, "since": self.since, "at": self.at}
        present = {key: value for key, value in payload.items() if value is not None}
        return {"type": f"subscribe:{self.kind}", "id": self.stream, "payload": present}

    def subscribed(self, answer: Wire) -> Gap | None:
        """Handle the answer to the request. Returns the gap that it reports, if any."""
        payload = answer["payload"]
        if payload["complete"]:
            self.since = payload["seq"] if self.since is None else self.since
            return None
        self.since, self.at = max(payload["oldest"] - 1, 0), None
        return Gap("gap", payload, self.since, answer["timestamp"], self.stream)

    def advance(self, message: Wire) -> Event | None:
        """Move to the event in `message` and return it; None if it was seen before."""
        seq = message["seq"]
        if self.since is not None and seq <= self.since:
            return None
        self.since, self.at = seq, message["timestamp"]
        return Event(message["type"], message["payload"], seq, message["timestamp"], self.stream)
