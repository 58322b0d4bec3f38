"""A connection that is made again whenever it breaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agentstream.backoff import Backoff
from agentstream.connection import Connection, connect
from agentstream.errors import AgentstreamError

log = logging.getLogger("agentstream")


@dataclass
class Link:
    """Where to connect, and how patiently. One `connected()` after the other, a `pause()` between them."""

    url: str
    token: str = field(repr=False)
    _backoff: Backoff = field(default_factory=Backoff)
    _lasted: float = 0.0
    _broken: bool = False

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Connection]:
        """One connection; raises as `connection.connect` does."""
        self._lasted = 0.0
        async with connect(self.url, self.token) as connection:
            if self._broken:
                log.warning("connected to %s again", self.url)
            self._broken = False
            clock = asyncio.get_running_loop().time
            opened = clock()
            try:
                yield connection
            finally:
                self._lasted = clock() - opened

    async def pause(self, lost: AgentstreamError) -> None:
        """Wait before the next connection. Says why once for each time the connection is lost."""
        log.log(logging.DEBUG if self._broken else logging.WARNING, "%s; trying again", lost)
        self._broken = True
        await self._backoff.sleep(self._lasted)
