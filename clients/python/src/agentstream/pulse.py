"""A wake-up call for any number of waiters."""

from __future__ import annotations

import asyncio


class Pulse:
    """Each beat wakes all who wait at that moment; who looks first and waits afterwards misses nothing."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def beat(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self) -> None:
        await self._next.wait()
