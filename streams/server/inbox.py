"""What a client has sent and the application has not read yet."""

import asyncio
from typing import Any

INBOX = 64  # messages of one client waiting to be handled before the server stops reading from it


class Inbox:
    """A queue of one reader. While it is full the client is not read from.

    An asyncio.Queue would do, but takes 3 KB, of which every idle connection has one.
    """

    __slots__ = ("_arrival", "_messages", "_paused", "_protocol")

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._messages: list[dict[str, Any]] = []
        self._arrival: asyncio.Future[None] | None = None
        self._paused = False

    def put_nowait(self, message: dict[str, Any]) -> None:
        self._messages.append(message)
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
        if not self._paused and len(self._messages) >= INBOX and self._protocol.transport is not None:
            self._paused = True
            self._protocol.transport.pauseProducing()

    async def get(self) -> dict[str, Any]:
        """The next message, once there is one."""
        while not self._messages:
            self._arrival = asyncio.get_running_loop().create_future()
            try:
                await self._arrival
            finally:
                self._arrival = None
        message = self._messages.pop(0)
        if self._paused and not self._messages and self._protocol.transport is not None:
            self._paused = False
            self._protocol.transport.resumeProducing()
        return message
