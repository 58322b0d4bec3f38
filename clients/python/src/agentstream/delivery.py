"""Delivering an outbox and a lease to the server over connections that may break."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from agentstream.concurrency import within
from agentstream.connection import SILENCE_TIMEOUT_SECONDS, Connection
from agentstream.errors import TryLater, Unavailable, Unreachable, from_code
from agentstream.messages import encode
from agentstream.outbox import Entry, Outbox
from agentstream.reconnection import Backoff, Reconnector, log

# How long a lease holds until the server has said it: less than its default, to be on the safe side.
DEFAULT_LEASE_SECONDS = 20.0
# Of the time a lease holds, the part after which it is renewed: two renewals may be lost.
RENEW_AFTER_FRACTION = 1 / 3


@dataclass
class Lease:
    """When to renew. `wanted` is whether there is one at all; times are those of the event loop's clock."""

    wanted: bool
    _holds: float = DEFAULT_LEASE_SECONDS
    _renewed: float | None = None
    _next: float = float("-inf")

    def due(self, now: float) -> bool:
        """Whether to ask for a renewal with the next frame, or with one of its own."""
        return self.wanted and now >= self._next

    def left(self, now: float) -> float | None:
        """Seconds until it is due; None if it never will be."""
        return max(0.0, self._next - now) if self.wanted else None

    def renew_now(self) -> None:
        """The connection is a new one: renew at once."""
        self._next = float("-inf")

    def renewed(self, now: float, holds: float) -> bool:
        """The server has renewed it, for so many seconds. Whether it may have run out in between."""
        lapsed = self._renewed is not None and now - self._renewed > 0.9 * self._holds
        self._holds, self._renewed, self._next = holds, now, now + RENEW_AFTER_FRACTION * holds
        return lapsed

    def end(self) -> None:
        """The agent has ended in order."""
        self.wanted = False


Wire = dict[str, Any]

# The server allows a connection 200 messages a second. Under pressure frames grow instead of getting more.
MIN_FRAME_INTERVAL_SECONDS = 0.01
# Refusals that follow each other within so many seconds are one piece of news.
TOLD_SECONDS = 60.0


class Delivery:
    """Publishes an outbox for one agent, one frame at a time, until cancelled.

    The next frame waits for the answer to the last. So what was said meanwhile goes into one bigger frame, an
    error is always about the one frame on its way, and after a break everything not acknowledged is simply
    still at the head of the outbox.
    """

    def __init__(self, reconnector: Reconnector, agent_id: str, outbox: Outbox, lease: Lease | None = None) -> None:
        self._reconnector = reconnector
        self._agent_id = agent_id
        self._outbox = outbox
        self._lease = lease or Lease(wanted=False)
        self._request = 0
        self._told_until = float("-inf")
        self._answer: asyncio.Future[Wire] | None = None

    async def run(self) -> None:
        """Never returns. Raises `Refused` when the server will not take these events from this producer."""
        while True:
            try:
                async with await self._reconnector.connect() as connection:
                    await _first(self._listen(connection), self._send(connection))
            except Unreachable as lost:
                self._reconnector.lost(lost)

    async def _send(self, connection: Connection) -> None:
        backoff = Backoff()
        clock = asyncio.get_running_loop().time
        self._lease.renew_now()
        resume = float("-inf")  # before which the server takes no events, but still renews the lease
        while True:
            while not (batch := self._due(resume)) and not self._lease.due(clock()):
                await self._something_due(resume)
            earliest = clock() + MIN_FRAME_INTERVAL_SECONDS
            try:
                await self._publish(connection, batch, self._lease.due(clock()))
            except TryLater as later:
                self._tell(later)
                if batch and later.retry_after is not None:
                    resume = clock() + later.retry_after
                else:
                    await asyncio.sleep(max(backoff.delay(), later.retry_after or 0.0))
            else:
                backoff.reset()
                await asyncio.sleep(earliest - clock())

    def _due(self, resume: float) -> list[Entry]:
        """The events to send now."""
        return self._outbox.batch() if asyncio.get_running_loop().time() >= resume else []

    async def _something_due(self, resume: float) -> None:
        """Wait until there may be something to send."""
        now = asyncio.get_running_loop().time()
        held = [resume - now] if resume > now else []
        left = self._lease.left(now)
        with suppress(asyncio.TimeoutError):
            waits = held if left is None else [*held, left]
            await within(min(waits, default=None), self._outbox.changed.wait())

    def _tell(self, later: TryLater) -> None:
        """Log why the server takes nothing now, once for as long as that goes on."""
        now = asyncio.get_running_loop().time()
        hold = later.retry_after or 0.0
        when = f" in {hold:.0f} s" if hold >= 1 else ""
        log.log(logging.DEBUG if now < self._told_until else logging.WARNING, "%s; trying again%s", later, when)
        self._told_until = now + hold + TOLD_SECONDS

    async def _publish(self, connection: Connection, batch: list[Entry], lease: bool) -> None:
        self._request += 1
        self._answer = asyncio.get_running_loop().create_future()
        await connection.send(self._frame(batch, lease))
        answer = await within(SILENCE_TIMEOUT_SECONDS, self._answer)
        if batch:
            if answer["n"] < batch[-1].n:
                raise Unavailable("UNAVAILABLE", f"expected events up to {batch[-1].n} accepted; got {answer['n']}")
            self._outbox.acknowledge(answer["n"])
        if lease and self._lease.renewed(asyncio.get_running_loop().time(), answer.get("lease", DEFAULT_LEASE_SECONDS)):
            # The server may have called this agent lost in the meantime.
            self._outbox.repeat_status()

    def _frame(self, batch: list[Entry], lease: bool) -> str:
        head: Wire = {"agentId": self._agent_id, "producer": self._outbox.producer}
        if lease:
            head["lease"] = True
        events = ",".join(entry.seal() for entry in batch)
        return f'{{"type":"publish:agent","id":{self._request},"payload":{encode(head)[:-1]},"events":[{events}]}}}}'

    async def _listen(self, connection: Connection) -> None:
        while True:
            for message in await connection.receive():
                self._receive(message)

    def _receive(self, message: dict[str, Any]) -> None:
        # An error without an id is about a frame the server did not read so far: there is only one.
        if self._answer is None or self._answer.done() or message.get("id", self._request) != self._request:
            return
        match message:
            case {"type": "published", "payload": {"n": int()} as payload}:
                self._answer.set_result(payload)
            case {"type": "error", "payload": {"code": str(code), "message": str(text), **more}}:
                self._answer.set_exception(from_code(code, text, more.get("retryAfter")))


async def _first(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all until the first has ended; end the others and raise what it raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
