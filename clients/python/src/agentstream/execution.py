"""Runs a command, from its start to the report of how it ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from agentstream.adapters import Adapter
from agentstream.adapters.open_requests import Reaction
from agentstream.commands import IGNORED, Command, Forged, Forgotten, Input, Resolved, Signal, for_each
from agentstream.ending import report_end, report_not_started
from agentstream.messages import StatusChange
from agentstream.process import Exit, NotStarted, Process, Stdio, running_process
from agentstream.pump import Pump, Tee
from agentstream.report import Report
from agentstream.signals import SignalForwarder
from agentstream.stdin import forward_stdin

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
                Pump(process, "stdout", self.adapter, Tee(out), self.report).run(),
                Pump(process, "stderr", self.adapter, Tee(err), self.report).run(),
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
        if process.stdin:
            forward_stdin(process.stdin)
        task = asyncio.create_task(self._listen(process, forwarder))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _listen(self, process: Process, forwarder: SignalForwarder) -> None:
        await for_each(self.commands, lambda command: self._handle(command, process, forwarder))

    async def _handle(self, command: Command, process: Process, forwarder: SignalForwarder) -> None:
        match command:
            case Signal("interrupt"):
                forwarder.interrupt()
            case Signal("stop"):
                forwarder.stop()
            case Input(content):
                await self._write(process, self.adapter.reply(content), "Input")
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
