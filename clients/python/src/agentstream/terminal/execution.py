"""Runs an interactive command in the terminal, from its start to the report of how it ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from agentstream.commands import IGNORED, Command, Forged, Input, Signal, for_each
from agentstream.ending import report_end, report_not_started
from agentstream.errors import Refused
from agentstream.messages import StatusChange
from agentstream.process import Exit, NotStarted
from agentstream.report import Report
from agentstream.signals import SignalForwarder
from agentstream.terminal.child import Child, running_child
from agentstream.terminal.keyboard import Keyboard, Typist
from agentstream.terminal.logs import held_logs
from agentstream.terminal.notices import Label, Notices
from agentstream.terminal.outer import OuterTerminal, outer_terminal
from agentstream.terminal.passthrough import Passthrough
from agentstream.terminal.signs import SignReader
from agentstream.terminal.structure import Launch, Structure
from agentstream.terminal.tools import tool_of

log = logging.getLogger("agentstream")


@dataclass
class TerminalExecution:
    """One run of a command that has this program's terminal. `commands` are people's input and signals; `label` sets
    the agent's title. Needs the main thread."""

    launch: Launch
    report: Report
    commands: AsyncGenerator[Command, None]
    structure: Structure
    label: Label
    _keyboard: Keyboard = field(default_factory=Keyboard)
    _signs: SignReader = field(default_factory=SignReader)
    _inputs: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    _typing: int = 0
    _stop_requested: bool = False

    async def run(self) -> int:
        """Start the command, connect it with the terminal and report how it ended. Returns its exit code."""
        try:
            ended = await self._run()
        except NotStarted as failed:
            ended = report_not_started(self.report, failed)
        report_end(self.report, ended, self._stop_requested)
        return ended.code

    async def _run(self) -> Exit:
        async with self.structure.prepare(self.launch) as launch:
            with held_logs(), outer_terminal() as terminal:
                async with running_child(launch, terminal.mode) as child, self._published(child):
                    return await self._attend(terminal, child)

    @asynccontextmanager
    async def _published(self, child: Child) -> AsyncIterator[None]:
        self.report.send_now(StatusChange("running"))
        try:
            async with self.structure.follow(child.pid, self.report.publisher):
                yield
        except Refused as refused:
            self.report.refuse(refused)

    async def _attend(self, terminal: OuterTerminal, child: Child) -> Exit:
        """Until the command has ended."""
        notices = Notices(self.report, self._keyboard, self.label, notes=not self.structure.reports)
        passthrough = Passthrough(
            terminal, child, self._keyboard.pressed, lambda data: notices.see(self._signs.feed(data))
        )
        typist = Typist(self._keyboard, passthrough.keys.insert, passthrough.hold)
        forwarder = SignalForwarder(child)
        async with _running(self._listen(typist, forwarder), self._type(typist), notices.publish_titles()):
            with forwarder.forwarding():
                ended = await passthrough.run()
        self.report.command_ended()
        if self._typing:
            self.report.note("Input was not delivered: the command ended first.\n")
        self._stop_requested = forwarder.stop_requested
        return ended

    # Commands

    async def _listen(self, typist: Typist, forwarder: SignalForwarder) -> None:
        await for_each(self.commands, lambda command: self._handle(command, typist, forwarder))

    async def _handle(self, command: Command, typist: Typist, forwarder: SignalForwarder) -> None:
        match command:
            case Signal("interrupt"):
                await typist.press(tool_of(self.launch.command).interrupt)
            case Signal("stop"):
                forwarder.stop()
            case Input(content):
                self._typing += 1
                self._inputs.put_nowait(content)
            case Forged():
                self.report.note(IGNORED)

    async def _type(self, typist: Typist) -> None:
        """Apart from the other commands, because it may have to wait for the person at the keyboard."""
        while True:
            await typist.enter(await self._inputs.get(), lambda: self._signs.bracketed_paste)
            self._typing -= 1


@asynccontextmanager
async def _running(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs these in the background for the duration of a block."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("an internal error: %r", outcome)
