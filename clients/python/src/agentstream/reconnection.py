"""A connection that is made again whenever it breaks."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field

from agentstream.backoff import Backoff
from agentstream.connection import Connection
from agentstream.errors import AgentstreamError

log = logging.getLogger("agentstream")


@dataclass
class Link:
    """Where to connect, and how patiently: after each `lost()`, `connect()` waits longer before it tries.

    What is worth telling people is logged at `level`.
    """

    url: str
    token: str = field(repr=False)
    level: int = logging.WARNING
    _backoff: Backoff = field(default_factory=Backoff)
    _opened: float | None = None
    _earliest: float = 0.0
    _broken: bool = False

    async def connect(self) -> Connection:
        """A new connection; raises as `Connection.open` does."""
        self._opened = None
        await asyncio.sleep(max(0.0, self._earliest - time.monotonic()))
        connection = await Connection.open(self.url, self.token)
        self._opened = time.monotonic()
        if self._broken:
            log.log(self.level, "connected to %s again", self.url)
        self._broken = False
        return connection

    def lost(self, error: AgentstreamError) -> None:
        """The connection, or the attempt, has failed. Logged once for each time a connection is lost."""
        log.log(logging.DEBUG if self._broken else self.level, "%s; trying again", error)
        self._broken = True
        now = time.monotonic()
        self._earliest = now + self._backoff.delay(0.0 if self._opened is None else now - self._opened)
