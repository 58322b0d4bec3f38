"""The sink under other ASGI servers (`daphne`, tests): their `send`."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from streams.hub.window import Frame

QUEUE = 16  # frames queued and not yet accepted by the server

Send = Callable[[dict[str, Any]], Awaitable[None]]


class AsgiSink:
    """Writes from one task, so that frames keep their order and the server's `send` may wait for its reader."""

    def __init__(self, send: Send) -> None:
        self.ready = True
        self.taken = 0
        self.on_ready: Callable[[], None] = lambda: None
        self._send = send
        self._frames: deque[Frame] = deque()
        self._task: asyncio.Task[None] | None = None

    def write(self, frame: Frame) -> None:
        self._frames.append(frame)
        self.ready = len(self._frames) < QUEUE
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def close(self, code: int) -> None:
        if self._task is not None:
            self._task.cancel()
        self._frames.clear()
        self.ready = False
        self._task = asyncio.create_task(self._close(code))

    async def _run(self) -> None:
        while self._frames:
            while self._frames:
                await self._send({"type": "websocket.send", "text": self._frames[0].payload.decode()})
                self._frames.popleft()
                self.taken += 1
            self.ready = True
            self.on_ready()
        self._task = None

    async def _close(self, code: int) -> None:
        await self._send({"type": "websocket.close", "code": code})
