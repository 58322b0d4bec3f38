"""Where a watcher is in one stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from agentstream.events import Event, Gap

Kind = Literal["agent", "workspace"]
Wire = dict[str, Any]


@dataclass
class Cursor:
    """A position in the stream of one agent or workspace: what to ask for, what was seen already.

    `since` is the `seq` of the last event seen and `at` its timestamp, None where that is not known.
    """

    kind: Kind
    id: str
    since: int | None = None
    at: str | None = None

    @property
    def stream(self) -> str:
        """The stream's name, as in ``"agent.<id>"``."""
        return f"{self.kind}.{self.id}"

    def request(self) -> Wire:
        """The message that subscribes from here."""
        payload: Wire = {f"{self.kind}Id": self.id, "since": self.since, "at": self.at}
        present = {key: value for key, value in payload.items() if value is not None}
        return {"type": f"subscribe:{self.kind}", "id": self.stream, "payload": present}

    def subscribed(self, answer: Wire) -> Gap | None:
        """Take the answer to the request: the gap it tells of, if any."""
        payload = answer["payload"]
        if payload["complete"]:
            self.since = payload["seq"] if self.since is None else self.since
            return None
        self.since, self.at = max(payload["oldest"] - 1, 0), None
        return Gap("gap", payload, self.since, answer["timestamp"], self.stream)

    def advance(self, message: Wire) -> Event | None:
        """Step to the event in `message`; None if it was seen before."""
        seq = message["seq"]
        if self.since is not None and seq <= self.since:
            return None
        self.since, self.at = seq, message["timestamp"]
        return Event(message["type"], message["payload"], seq, message["timestamp"], self.stream)
