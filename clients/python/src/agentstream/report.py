"""Reports a run to the server."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agentstream.concurrency import within
from agentstream.errors import Refused
from agentstream.messages import Message, Output
from agentstream.outbox import Outbox
from agentstream.publisher import Publisher

log = logging.getLogger("agentstream")


@dataclass
class Report:
    """Reports a run. If the server refuses the events, the command still continues.

    While the command runs, a full queue slows it down. After it has ended, everything else happens within
    `drain_seconds`: output for which there is no room by then is lost, and the loss is reported.
    """

    publisher: Publisher
    outbox: Outbox
    drain_seconds: float
    refused: bool = False
    _lost: int = 0
    _deadline: float | None = None

    def command_ended(self) -> None:
        """Start the time limit, because the command has ended."""
        if self._deadline is None:
            self._deadline = time.monotonic() + self.drain_seconds
            self.outbox.double_capacity()

    @property
    def remaining(self) -> float | None:
        """Seconds left to wait for the server; None while the command runs."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    async def send(self, message: Message) -> None:
        """Send to the server, now or as soon as it is reachable."""
        try:
            if self.refused:
                return
            if self.remaining is None:
                await self.publisher.send(message)
            else:
                await within(self.remaining, self.publisher.room())
                self.publisher.put(message)
        except TimeoutError:
            self._lost += 1
        except Refused as refused:
            self.refuse(refused)

    def send_now(self, message: Message) -> None:
        """Send what must not be lost, even if the queue is full."""
        try:
            if not self.refused:
                self.publisher.put(message)
        except Refused as refused:
            self.refuse(refused)

    def note(self, text: str) -> None:
        """Publish a notice about the run itself."""
        log.warning("%s", text)
        self.send_now(Output(text, "system", kind="text"))

    def report_lost(self) -> None:
        """Log and publish how much output is lost."""
        if self._lost:
            self.note(f"The server was unreachable and the buffer full: {self._lost} pieces of output were lost.\n")

    async def drain(self) -> None:
        """Wait until the server has everything, within the time limit. Raises `Refused`."""
        self.command_ended()
        try:
            await within(self.remaining, self.publisher.flush())
        except TimeoutError:
            self.publisher.abandon()
            log.warning("%d events haven't been acknowledged; %s", self.publisher.pending, self.fate)

    def refuse(self, refused: Refused) -> None:
        """Log the reason once, and stop sending."""
        if not self.refused:
            log.error("publishing has ended: %s", refused)
        self.refused = True

    @property
    def fate(self) -> str:
        """What will happen to unacknowledged events, for the log."""
        return (
            "the agent's next run will send them" if self.outbox.spooled else "they are lost, because there is no spool"
        )


@asynccontextmanager
async def reporting(publisher: Publisher, outbox: Outbox, drain_seconds: float) -> AsyncIterator[Report]:
    """Yields a report. Leaving the block waits until the server has everything, for at most `drain_seconds` after the
    command's end; the rest stays in the spool."""
    report = Report(publisher, outbox, drain_seconds)
    try:
        async with publisher:
            yield report
            await report.drain()
    except Refused as refused:
        report.refuse(refused)
    except asyncio.CancelledError:
        log.warning("stopped with %d unacknowledged events; %s", publisher.pending, report.fate)
        raise
    finally:
        outbox.close(keep=not report.refused)
