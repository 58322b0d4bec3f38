"""Delivers an outbox and renews a lease over connections that may break."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from agentstream.concurrency import clock, within
from agentstream.connection import SILENCE_TIMEOUT_SECONDS, Link
from agentstream.errors import TryLater, Unavailable, Unreachable, from_code
from agentstream.messages import encode
from agentstream.outbox import Entry, Outbox
from agentstream.reconnection import Backoff, Connector, log

# Assumed duration of a lease until the server reports it: less than its default, to be safe.
DEFAULT_LEASE_SECONDS = 20.0
# Fraction of a lease's duration after which it is renewed: two renewals may be lost.
RENEW_AFTER_FRACTION = 1 / 3


@dataclass
class Lease:
    """When to renew a lease. `wanted` is whether there is one; times are those of `clock`."""

    wanted: bool
    _holds: float = DEFAULT_LEASE_SECONDS
    _renewed: float | None = None
    _next: float = float("-inf")

    def due(self, now: float) -> bool:
        """Whether to request a renewal, with the next frame or an empty one."""
        return self.wanted and now >= self._next

    def left(self, now: float) -> float | None:
        """Seconds until a renewal is due; None if it never will be."""
        return max(0.0, self._next - now) if self.wanted else None

    def renew_now(self) -> None:
        """Renew at once, because the connection is new."""
        self._next = float("-inf")

    def renewed(self, now: float, holds: float) -> bool:
        """Record a renewal for `holds` seconds. Returns whether the lease may have expired in between."""
        lapsed = self._renewed is not None and now - self._renewed > 0.9 * self._holds
        self._holds, self._renewed, self._next = holds, now, now + RENEW_AFTER_FRACTION * holds
        return lapsed

    def end(self) -> None:
        """Stop renewing, because the agent has ended."""
        self.wanted = False


Wire = dict[str, Any]

# Ids of requests, which must be unique on a connection that several share.
_requests = count(1)

# The server allows 200 messages per second and connection. Under load frames get larger rather than more frequent.
MIN_FRAME_INTERVAL_SECONDS = 0.01
# Refusals within this many seconds of each other are logged once.
TOLD_SECONDS = 60.0


class Delivery:
    """Publishes an outbox for one agent, one frame at a time, until cancelled.

    The next frame waits for the answer to the last. So events that are added meanwhile share a larger frame, an error
    always concerns the one frame in flight, and after a lost connection all unacknowledged events are still at the head
    of the outbox.
    """

    def __init__(self, connector: Connector, agent_id: str, outbox: Outbox, lease: Lease | None = None) -> None:
        self._connector = connector
        self._agent_id = agent_id
        self._outbox = outbox
        self._lease = lease or Lease(wanted=False)
        self._request = 0
        self._told_until = float("-inf")
        self._answer: asyncio.Future[Wire] | None = None

    async def run(self) -> None:
        """Never returns. Raises `Refused` if the server won't accept these events from this producer."""
        while True:
            try:
                async with await self._connector.connect() as link:
                    await _first(self._listen(link), self._send(link))
            except Unreachable as lost:
                self._connector.lost(lost)

    async def _send(self, link: Link) -> None:
        backoff = Backoff()
        self._lease.renew_now()
        resume = float("-inf")  # until then the server accepts no events, but still renews the lease
        while True:
            while not (batch := self._due(resume)) and not self._lease.due(clock()):
                await self._something_due(resume)
            earliest = clock() + MIN_FRAME_INTERVAL_SECONDS
            try:
                await self._publish(link, batch, self._lease.due(clock()))
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
        return self._outbox.batch() if clock() >= resume else []

    async def _something_due(self, resume: float) -> None:
        """Wait until there may be something to send."""
        now = clock()
        held = [resume - now] if resume > now else []
        left = self._lease.left(now)
        with suppress(asyncio.TimeoutError):
            waits = held if left is None else [*held, left]
            await within(min(waits, default=None), self._outbox.changed.wait())

    def _tell(self, later: TryLater) -> None:
        """Log why the server accepts nothing at the moment, once per outage."""
        now = clock()
        hold = later.retry_after or 0.0
        when = f" in {hold:.0f} s" if hold >= 1 else ""
        log.log(logging.DEBUG if now < self._told_until else logging.WARNING, "%s; trying again%s", later, when)
        self._told_until = now + hold + TOLD_SECONDS

    async def _publish(self, link: Link, batch: list[Entry], lease: bool) -> None:
        self._request = next(_requests)
        self._answer = asyncio.get_running_loop().create_future()
        await link.send(self._frame(batch, lease), self._request)
        answer = await within(SILENCE_TIMEOUT_SECONDS, self._answer)
        if batch:
            if answer["n"] < batch[-1].n:
                raise Unavailable("UNAVAILABLE", f"expected events up to {batch[-1].n} accepted; got {answer['n']}")
            self._outbox.acknowledge(answer["n"])
        if lease and self._lease.renewed(clock(), answer.get("lease", DEFAULT_LEASE_SECONDS)):
            # The server may have reported this agent as lost in the meantime.
            self._outbox.repeat_status()

    def _frame(self, batch: list[Entry], lease: bool) -> str:
        head: Wire = {"agentId": self._agent_id, "producer": self._outbox.producer}
        if lease:
            head["lease"] = True
        events = ",".join(entry.seal() for entry in batch)
        return f'{{"type":"publish:agent","id":{self._request},"payload":{encode(head)[:-1]},"events":[{events}]}}}}'

    async def _listen(self, link: Link) -> None:
        while True:
            for message in await link.receive():
                self._receive(message)

    def _receive(self, message: dict[str, Any]) -> None:
        # An error without an id concerns a frame whose id the server didn't read: there is only one in flight.
        if self._answer is None or self._answer.done() or message.get("id", self._request) != self._request:
            return
        match message:
            case {"type": "published", "payload": {"n": int()} as payload}:
                self._answer.set_result(payload)
            case {"type": "error", "payload": {"code": str(code), "message": str(text), **more}}:
                self._answer.set_exception(from_code(code, text, more.get("retryAfter")))


async def _first(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all until the first ends. Cancels the others and raises what the first raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
