"""Reconnecting with exponential backoff."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from agentstream.connection import Connection, Link
from agentstream.errors import AgentstreamError, TryLater, Unreachable

Result = TypeVar("Result")

BASE_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 20.0
# A server that accepts a connection and dies must not be retried at once: only a connection that outlives the longest
# pause shows that the problem is over.
STABLE_AFTER_SECONDS = MAX_DELAY_SECONDS


@dataclass
class Backoff:
    """Pauses between attempts: each is random between 0 and a ceiling that doubles from 0.5 s to 20 s."""

    attempt: int = 0

    @property
    def ceiling(self) -> float:
        """The maximum length of the next pause, in seconds."""
        return float(min(MAX_DELAY_SECONDS, BASE_DELAY_SECONDS * 2 ** min(self.attempt, 16)))

    def delay(self, lasted: float = 0.0) -> float:
        """The next pause in seconds; `lasted` is how many seconds the last connection held."""
        if lasted >= STABLE_AFTER_SECONDS:
            self.reset()
        delay = random.uniform(0, self.ceiling)
        self.attempt += 1
        return delay

    def reset(self) -> None:
        """Start from the shortest pause again."""
        self.attempt = 0

    async def sleep(self) -> None:
        """Pause."""
        await asyncio.sleep(self.delay())


log = logging.getLogger("agentstream")


class Connector(Protocol):
    """Connects to a server again and again."""

    async def connect(self) -> Link:
        """A new link; raises as `Connection.open` does."""
        ...

    def lost(self, error: AgentstreamError) -> None:
        """The link, or the attempt, has failed."""
        ...


@dataclass
class Reconnector:
    """Connects to a server, waiting longer after each `lost()`. Lost and restored connections are logged at `level`."""

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


async def persistently(
    call: Callable[[], Awaitable[Result]], level: int = logging.WARNING, attempts: int | None = None
) -> Result:
    """The result of `call`, retried while the server is unavailable. The first failure is logged at `level`.

    Raises what `call` raises: `Unreachable` or a `TryLater` only after that many `attempts`, other errors at once.
    """
    backoff = Backoff()
    while True:
        try:
            return await call()
        except (Unreachable, TryLater) as failed:
            if attempts is not None and backoff.attempt + 1 >= attempts:
                raise
            log.log(logging.DEBUG if backoff.attempt else level, "%s; trying again", failed)
            await backoff.sleep()
