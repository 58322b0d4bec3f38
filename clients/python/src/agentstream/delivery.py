"""Brings an outbox to the server, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from agentstream.backoff import Backoff
from agentstream.concurrency import within
from agentstream.connection import SILENCE, Connection
from agentstream.errors import TryLater, Unavailable, Unreachable, from_code
from agentstream.lease import HOLDS, Lease
from agentstream.messages import encode
from agentstream.outbox import Entry, Outbox
from agentstream.reconnection import Link, log

Wire = dict[str, Any]

# The server allows a connection 200 messages a second. Under pressure frames grow instead of getting more.
PACE = 0.01


class Delivery:
    """Publishes an outbox for one agent, one frame at a time, until cancelled.

    The next frame waits for the answer to the last. So what was said meanwhile goes into one bigger frame, an
    error is always about the one frame on its way, and after a break everything not acknowledged is simply
    still at the head of the outbox.
    """

    def __init__(self, link: Link, agent_id: str, outbox: Outbox, lease: Lease | None = None) -> None:
        self._link = link
        self._agent_id = agent_id
        self._outbox = outbox
        self._lease = lease or Lease(wanted=False)
        self._request = 0
        self._answer: asyncio.Future[Wire] | None = None

    async def run(self) -> None:
        """Never returns. Raises `Refused` when the server will not take these events from this producer."""
        while True:
            try:
                async with await self._link.connect() as connection:
                    await _first(self._listen(connection), self._send(connection))
            except Unreachable as lost:
                self._link.lost(lost)

    async def _send(self, connection: Connection) -> None:
        backoff = Backoff()
        clock = asyncio.get_running_loop().time
        self._lease.hurry()
        while True:
            while not (batch := self._outbox.batch()) and not self._lease.due(clock()):
                with suppress(asyncio.TimeoutError):
                    await within(self._lease.left(clock()), self._outbox.changed.wait())
            earliest = clock() + PACE
            try:
                await self._publish(connection, batch, self._lease.due(clock()))
            except TryLater as later:
                log.warning("%s; trying again", later)
                await backoff.sleep()
            else:
                backoff.reset()
                await asyncio.sleep(earliest - clock())

    async def _publish(self, connection: Connection, batch: list[Entry], lease: bool) -> None:
        self._request += 1
        self._answer = asyncio.get_running_loop().create_future()
        await connection.send(self._frame(batch, lease))
        answer = await within(SILENCE, self._answer)
        if batch:
            if answer["n"] < batch[-1].n:
                raise Unavailable("UNAVAILABLE", f"expected events up to {batch[-1].n} accepted; got {answer['n']}")
            self._outbox.acknowledge(answer["n"])
        if lease and self._lease.renewed(asyncio.get_running_loop().time(), answer.get("lease", HOLDS)):
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
            case {"type": "error", "payload": {"code": str(code), "message": str(text)}}:
                self._answer.set_exception(from_code(code, text))


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
