"""One run of a command, from its start to what is told of its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

from agentstream.adapters import Adapter
from agentstream.commands import Input, Order, Signal
from agentstream.errors import Refused
from agentstream.messages import Ending, Failure, Status, StatusChange, Terminated
from agentstream.process import Exit, NotStarted, Process, Wiring, started
from agentstream.pump import Pump, Tee
from agentstream.report import Report
from agentstream.signals import Stopping
from agentstream.stdin import pass_on

# Seconds for which the command had to wait that are worth telling.
WORTH_A_WORD = 1.0

log = logging.getLogger("agentstream")


@dataclass
class Execution:
    """`orders` is what people tell it; `quiet` keeps its output from this program's own."""

    command: Sequence[str]
    environment: Mapping[str, str]
    wiring: Wiring
    adapter: Adapter
    report: Report
    orders: AsyncGenerator[Order, None]
    quiet: bool
    _wanted: bool = False

    async def run(self) -> int:
        """Start it, follow it, say how it ended; returns the exit code."""
        try:
            async with started(self.command, self.environment, self.wiring) as process:
                ended = await self._follow(process)
        except NotStarted as failed:
            log.error("%s", failed)
            await self.report.send(Failure("NOT_STARTED", str(failed)))
            ended = Exit(failed.code)
        self._conclude(ended)
        return ended.code

    async def _follow(self, process: Process) -> Exit:
        await self.report.send(StatusChange("running"))
        out, err = (None, None) if self.quiet else (1, 2)
        stopping = Stopping(process)
        async with self._listening(process, stopping):
            _, _, ended = await asyncio.gather(
                Pump(process, "stdout", self.adapter, Tee(out), self.report).run(),
                Pump(process, "stderr", self.adapter, Tee(err), self.report).run(),
                self._wait(process, stopping),
            )
        for message in self.adapter.close():
            await self.report.send(message)
        return ended

    async def _wait(self, process: Process, stopping: Stopping) -> Exit:
        with stopping.forwarding():
            ended = await process.wait()
            self.report.over()
            self._wanted = stopping.wanted
            await process.end()
        return ended

    # What people tell it

    @asynccontextmanager
    async def _listening(self, process: Process, stopping: Stopping) -> AsyncIterator[None]:
        if process.stdin:
            pass_on(process.stdin)
        task = asyncio.create_task(self._listen(process, stopping))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _listen(self, process: Process, stopping: Stopping) -> None:
        try:
            async with aclosing(self.orders) as orders:
                async for order in orders:
                    await self._obey(order, process, stopping)
        except Refused as refused:
            log.error("nobody can talk to the command: %s", refused)

    async def _obey(self, order: Order, process: Process, stopping: Stopping) -> None:
        match order:
            case Signal("interrupt"):
                stopping.interrupt()
            case Signal("stop"):
                stopping.stop()
            case Input(content):
                await self._answer(process, content)

    async def _answer(self, process: Process, content: str) -> None:
        if process.stdin is None:
            self.report.note("This was not passed on: the command takes no input.\n")
            return
        try:
            await process.stdin.write(self.adapter.reply(content).encode(errors="replace"))
        except OSError:
            self.report.note("This was not passed on: the command reads no more input.\n")

    # Its end

    def _conclude(self, ended: Exit) -> None:
        held_back = self.report.publisher.held_back
        if held_back >= WORTH_A_WORD:
            self.report.note(f"The server took the output no faster: {held_back:.0f} s of waiting in all.\n")
        self.report.confess()
        status, reason, ending = self._outcome(ended)
        self.report.insist(StatusChange(status, reason))
        self.report.insist(Terminated(ended.code, ended.signal, ending))

    def _outcome(self, ended: Exit) -> tuple[Status, str, Ending]:
        if self._wanted:
            return "finished", "user_stopped", "user_stopped"
        if ended.code == 0:
            return "finished", "completed", "completed"
        return "error", "process_error", "error"
