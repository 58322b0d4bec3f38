"""A producer that retries each event until the server has acknowledged it."""

import asyncio
import json
import time
import uuid
from collections import Counter
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

ANSWER = 15.0  # seconds to wait for an acknowledgement before asking again
PAUSE = 0.1

Item = dict[str, Any]


def content(producer: str, n: int, size: int = 0) -> str:
    """An event's content: its producer, number and time, then padding."""
    return f"{producer} {n} {time.time():.6f} ".ljust(size, "x")


class Producer:
    """One run of one producer on one agent, over a WebSocket.

    `n` is its last number acknowledged, `seq` where the stream then stood. `refusals` counts what came instead of
    an acknowledgement: error codes, and `lost` for a connection that broke.
    """

    def __init__(self, ws_url: str, token: str, agent: str) -> None:
        self.agent = agent
        self.name = f"p{uuid.uuid4().hex[:8]}"
        self.n = 0
        self.seq = 0
        self.refusals: Counter[str] = Counter()
        self._url = ws_url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._socket: ClientConnection | None = None

    async def publish(self, count: int = 1, size: int = 0) -> None:
        """Publish the next `count` events; returns when they are acknowledged."""
        items = [self._item(self.n + i, size) for i in range(1, count + 1)]
        message = json.dumps(
            {
                "type": "publish:agent",
                "id": self.n,
                "payload": {"agentId": self.agent, "producer": self.name, "events": items},
            }
        )
        while (refusal := await self._try(message)) is not None:
            self.refusals[refusal] += 1
            await asyncio.sleep(PAUSE)

    async def flow(self, rate: float, stop: asyncio.Event, size: int = 0) -> None:
        """Publish `rate` events a second until told to stop; what could not leave in time goes in one batch."""
        loop = asyncio.get_running_loop()
        start, begun = loop.time(), self.n
        while not stop.is_set():
            due = int((loop.time() - start) * rate) + 1 - (self.n - begun)
            if due > 0:
                await self.publish(min(due, 500), size)
            await asyncio.sleep(max(0.0, start + (self.n - begun) / rate - loop.time()))

    async def burst(self, batch: int, stop: asyncio.Event) -> None:
        """Publish as fast as it is acknowledged."""
        while not stop.is_set():
            await self.publish(batch)

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    def _item(self, n: int, size: int) -> Item:
        return {"n": n, "type": "agent:output", "payload": {"content": content(self.name, n, size)}}

    async def _try(self, message: str) -> str | None:
        """Send a publication. Returns why it wasn't acknowledged, or None."""
        try:
            answer = await self._ask(message)
        except (OSError, WebSocketException, TimeoutError):
            if self._socket is not None:
                self._socket.transport.abort()
            self._socket = None
            return "lost"
        if answer["type"] == "error":
            code: str = answer["payload"]["code"]
            assert code == "UNAVAILABLE", f"a retry cannot mend this: {answer}"
            return code
        self.n, self.seq = answer["payload"]["n"], answer["payload"]["seq"]
        return None

    async def _ask(self, message: str) -> dict[str, Any]:
        if self._socket is None:
            self._socket = await connect(self._url, additional_headers=self._headers, compression=None)
        await self._socket.send(message)
        while True:
            answer: dict[str, Any] = json.loads(await asyncio.wait_for(self._socket.recv(), ANSWER))
            if answer["type"] != "pong":
                return answer
