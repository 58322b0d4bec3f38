"""A client of the engine under test, which checks each message against what the protocol promises."""

import asyncio
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.protocol.clock import timestamp
from streams.protocol.messages import SUBPROTOCOL
from streams.transports.websocket import SINK, StreamConsumer
from tests.engine.fakes import Message, Person, ScriptedSink, Stream


@dataclass
class View:
    """What the client holds of one stream: the events after `start` up to `seq`, by their timestamps."""

    start: int
    times: list[str] = field(default_factory=list)

    @property
    def seq(self) -> int:
        return self.start + len(self.times)


class Client:
    """One connection. `views` are the subscriptions that the server has confirmed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, streams: Sequence[Stream], faults: list[str]) -> None:
        self._faults = faults
        self._streams = {str(stream.key): stream for stream in streams}
        self.views: dict[str, View] = {}
        self.sink = ScriptedSink(self._received)
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._ids = itertools.count()
        self._asked: dict[int, Message] = {}  # not answered yet
        self.refused: set[str] = set()  # streams whose last request the server could not serve
        scope: dict[str, Any] = {
            "subprotocols": [SUBPROTOCOL],
            "viewer": Person(),
            "extensions": {SINK: self.sink},
        }
        self._inbox.put_nowait({"type": "websocket.connect"})
        self.task = loop.create_task(StreamConsumer()(scope, self._inbox.get, self._accepted))

    @property
    def waiting(self) -> list[Message]:
        """Requests that have not been answered."""
        return list(self._asked.values())

    def subscribe(self, stream: Stream, since: int | None, at: str | None) -> None:
        payload = {"probeId": str(stream.key), "since": since, "at": at}
        self._ask("subscribe:probe", {key: value for key, value in payload.items() if value is not None})

    def unsubscribe(self, stream: Stream) -> None:
        self._ask("unsubscribe:probe", {"probeId": str(stream.key)})

    def leave(self) -> None:
        self._inbox.put_nowait({"type": "websocket.disconnect"})

    def vanish(self) -> None:
        """Cancels the application, as a server does when its connection is gone."""
        self.task.cancel()

    def _ask(self, type_: str, payload: Message) -> None:
        number = next(self._ids)
        self._asked[number] = {"type": type_, "payload": payload}
        text = json.dumps({"type": type_, "payload": payload, "id": number})
        self._inbox.put_nowait({"type": "websocket.receive", "text": text})

    async def _accepted(self, message: Message) -> None:
        assert message["type"] == "websocket.accept", message

    def _received(self, message: Message) -> None:
        try:
            self._check(message)
        except AssertionError as fault:  # raised here it would end in the engine, which must survive a bad sink
            self._faults.append(str(fault))

    def _check(self, message: Message) -> None:
        payload = message["payload"]
        match message["type"]:
            case "probe:event":
                self._event(message)
            case "subscribed":
                self._subscribed(payload, self._answered(message))
            case "unsubscribed":
                assert payload["reason"] == "requested", message
                self._answered(message)
                self.views.pop(payload["id"], None)
                self.refused.discard(payload["id"])
            case "error":
                assert payload["code"] in ("UNAVAILABLE", "INTERNAL"), message
                asked = self._answered(message)
                assert asked is not None
                self.refused.add(asked["payload"]["probeId"])
            case other:
                assert other == "pong", message

    def _answered(self, message: Message) -> Message | None:
        return self._asked.pop(message["id"]) if "id" in message else None

    def _event(self, message: Message) -> None:
        view = self.views.get(message["payload"]["probeId"])
        assert view is not None, f"an event without a subscription: {message}"
        assert message["seq"] == view.seq + 1, f"expected seq {view.seq + 1}: {message}"
        view.times.append(message["timestamp"])

    def _subscribed(self, payload: Message, asked: Message | None) -> None:
        key, oldest, seq = payload["id"], payload["oldest"], payload["seq"]
        self.refused.discard(key)
        wish: Message = asked["payload"] if asked else {"since": self.views[key].seq}
        since = seq if wish.get("since") is None else int(wish["since"])
        if payload["complete"]:
            assert oldest - 1 <= since <= seq, f"complete, since {since}: {payload}"
        elif not self._streams[key].restored:
            assert not oldest - 1 <= since <= seq, f"nothing was gone after {since}: {payload}"
        if asked or not payload["complete"]:
            self.views[key] = View(since if payload["complete"] else oldest - 1)


def time_of(stream: Stream, seq: int) -> str:
    return timestamp(stream.times[seq - 1])
