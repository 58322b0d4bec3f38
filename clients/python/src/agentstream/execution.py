"""Runs a command, from its start to the report of how it ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from agentstream.adapters import Adapter, Step
from agentstream.adapters.open_requests import Reaction
from agentstream.commands import IGNORED, Command, Forged, Forgotten, Input, Resolved, Signal, for_each
from agentstream.ending import report_end, report_not_started
from agentstream.messages import StatusChange
from agentstream.process import Exit, NotStarted, Process, Stdio, running_process
from agentstream.pump import Pump, Tee
from agentstream.report import Report
from agentstream.signals import SignalForwarder
from agentstream.stdin import forward_stdin

# Answers that wait for a command to read them; one that reads none is given no more.
MAX_LINES = 1_000

log = logging.getLogger("agentstream")


@dataclass
class Execution:
    """One run of a command. `commands` are people's input, signals and answers; `quiet` keeps its output off this
    program's own stdout and stderr."""

    command: Sequence[str]
    environment: Mapping[str, str]
    stdio: Stdio
    adapter: Adapter
    report: Report
    commands: AsyncGenerator[Command, None]
    quiet: bool
    _stop_requested: bool = False
    _lines: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(MAX_LINES))

    async def run(self) -> int:
        """Start the command, publish its output and report how it ended. Returns its exit code."""
        try:
            async with running_process(self.command, self.environment, self.stdio) as process:
                ended = await self._follow(process)
        except NotStarted as failed:
            ended = report_not_started(self.report, failed)
        report_end(self.report, ended, self._stop_requested)
        return ended.code

    async def _follow(self, process: Process) -> Exit:
        await self.report.send(StatusChange("running"))
        out, err = (None, None) if self.quiet else (1, 2)
        forwarder = SignalForwarder(process)
        async with self._listening(process, forwarder):
            _, _, ended = await asyncio.gather(
                Pump(process, "stdout", self.adapter, Tee(out), self.report, self._drive).run(),
                Pump(process, "stderr", self.adapter, Tee(err), self.report, self._drive).run(),
                self._wait(process, forwarder),
            )
        for message in self.adapter.close():
            await self.report.send(message)
        return ended

    async def _wait(self, process: Process, forwarder: SignalForwarder) -> Exit:
        with forwarder.forwarding():
            ended = await process.wait()
            self.report.command_ended()
            self._stop_requested = forwarder.stop_requested
            await process.end()
        return ended

    # Commands

    @asynccontextmanager
    async def _listening(self, process: Process, forwarder: SignalForwarder) -> AsyncIterator[None]:
        if process.stdin and self.adapter.driver is None:
            forward_stdin(process.stdin)
        await self._drive()
        tasks = [asyncio.create_task(work) for work in (self._listen(process, forwarder), self._converse(process))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _drive(self) -> None:
        """Let the adapter say what it has to say to the command."""
        if self.adapter.driver:
            await self._take(self.adapter.driver.step())

    async def _take(self, step: Step) -> None:
        if step.stdin and not self._lines.full():
            self._lines.put_nowait(step.stdin)
        for message in step.messages:
            await self.report.send(message)

    async def _converse(self, process: Process) -> None:
        """Apart from reading the command's output: it may not read before somebody reads what it writes."""
        while True:
            content = await self._lines.get()
            if process.stdin:
                with suppress(OSError):
                    await process.stdin.write(content.encode(errors="replace"))

    async def _listen(self, process: Process, forwarder: SignalForwarder) -> None:
        await for_each(self.commands, lambda command: self._handle(command, process, forwarder))

    async def _handle(self, command: Command, process: Process, forwarder: SignalForwarder) -> None:
        match command:
            case Signal("interrupt") if self.adapter.driver:
                await self._take(self.adapter.driver.interrupt())
            case Signal("interrupt"):
                forwarder.interrupt()
            case Signal("stop"):
                forwarder.stop()
            case Input(content):
                await self._write(process, self.adapter.reply(content), "Input")
                await self._drive()
            case Resolved(request_id, resolution):
                await self._react(process, self.adapter.requests.resolve(request_id, resolution))
            case Forgotten(request_id):
                for message in self.adapter.requests.repeat(request_id):
                    await self.report.send(message)
            case Forged():
                self.report.note(IGNORED)

    async def _react(self, process: Process, reaction: Reaction) -> None:
        if reaction.answer:
            await self._write(process, reaction.answer, "An answer")
        for message in reaction.messages:
            await self.report.send(message)

    async def _write(self, process: Process, content: str, what: str) -> None:
        if process.stdin is None:
            self.report.note(f"{what} was not delivered: the command doesn't accept input.\n")
            return
        try:
            await process.stdin.write(content.encode(errors="replace"))
        except OSError:
            self.report.note(f"{what} was not delivered: the command has closed its standard input.\n")
