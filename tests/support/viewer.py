"""A viewer for tests: a plain WebSocket that speaks the protocol."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

Message = dict[str, Any]


class Viewer:
    """One socket, read message by message."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._messages: deque[Message] = deque()

    async def send(self, type_: str, payload: Message | None = None, **more: Any) -> None:
        await self.socket.send(json.dumps({"type": type_, "payload": payload or {}, **more}))

    async def next(self, seconds: float = 5) -> Message:
        """The next message of any type."""
        while not self._messages:
            frame = await asyncio.wait_for(self.socket.recv(), seconds)
            assert isinstance(frame, str)
            self._messages.extend(json.loads(line) for line in frame.split("\n"))
        return self._messages.popleft()

    async def ask(self, type_: str, payload: Message | None = None, **more: Any) -> Message:
        """Send a message and return the answer, which must be the next message except for heartbeats."""
        await self.send(type_, payload, **more)
        while (answer := await self.next())["type"] == "pong" and type_ != "ping":
            pass
        return answer

    async def subscribe(self, kind: str, key: str, **payload: Any) -> Message:
        answer = await self.ask(f"subscribe:{kind}", {f"{kind}Id": key, **payload})
        assert answer["type"] == "subscribed", answer
        return answer

    async def events(self, count: int, seconds: float = 10) -> list[Message]:
        """The next `count` events."""
        found: list[Message] = []
        while len(found) < count:
            message = await self.next(seconds)
            if "seq" in message:
                found.append(message)
        return found

    async def silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing arrives for a while. A ping first shows that the connection is alive."""
        await self.send("ping")
        assert (await self.next())["type"] == "pong"
        try:
            self._messages.append(await self.next(seconds))
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def viewer(
    ws_url: str, token: str | None = None, *, merge: bool = True, query: str = "", headers: dict[str, str] | None = None
) -> AsyncIterator[Viewer]:
    """A connected viewer."""
    sent = dict(headers or {})
    if token:
        sent["Authorization"] = f"Bearer {token}"
    subprotocols = [Subprotocol("agentstream.v1")] if merge else None
    async with connect(ws_url + query, additional_headers=sent, subprotocols=subprotocols, max_size=None) as socket:
        yield Viewer(socket)


def contents(events: list[Message]) -> list[str]:
    return [event["payload"]["content"] for event in events]
