"""Connects this program's terminal with a command's, including its size, signals and job control."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from agentstream.concurrency import within
from agentstream.process import Exit
from agentstream.terminal.child import Child
from agentstream.terminal.outer import OuterTerminal
from agentstream.terminal.relay import Relay

# How long to wait for this program to be stopped. It isn't if no shell could continue it.
STOP_SECONDS = 0.2
# How long the terminal may take to accept what the command has left.
LAST_OUTPUT_SECONDS = 30.0


class Passthrough:
    """Copies what is typed to the command and what the command prints to the terminal; both callbacks get what was
    copied. Needs the main thread."""

    def __init__(
        self,
        terminal: OuterTerminal,
        child: Child,
        typed: Callable[[bytes], None],
        printed: Callable[[bytes], None],
    ) -> None:
        self._terminal = terminal
        self._child = child
        self.keys = Relay(terminal.input, child.master, typed, self._hang_up)
        self._screen = Relay(child.master, terminal.output, printed)
        self._continued = asyncio.Event()
        self._stopping = False

    async def run(self) -> Exit:
        """Until the command has ended and all its output is shown. Then the terminal is as it was before."""
        try:
            with self._signals():
                self._resume()
                while (ended := await self._child.changed()) is None:
                    await self._suspend()
                with suppress(asyncio.TimeoutError):
                    await within(LAST_OUTPUT_SECONDS, self._screen.drain())
            return ended
        finally:
            self.keys.close()
            self._screen.close()
            self._terminal.restore()

    def hold(self, held: bool) -> None:
        """Whether to let what is typed wait."""
        if held:
            self.keys.pause()
        else:
            self.keys.start()

    # Job control

    async def _suspend(self) -> None:
        """The command was suspended: suspend this program, too, and go on when it is continued."""
        await self._screen.drain()
        self.keys.pause()
        self._terminal.restore()
        self._continued.clear()
        self._stopping = True
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGTSTP)
        try:
            # The whole group, as the terminal would: it may include a script that waits for this program.
            os.killpg(os.getpgrp(), signal.SIGTSTP)
            with suppress(asyncio.TimeoutError):
                await within(STOP_SECONDS, self._continued.wait())
        finally:
            loop.add_signal_handler(signal.SIGTSTP, self._child.signal, signal.SIGTSTP)
            self._stopping = False
        self._resume()

    def _resume(self) -> None:
        self._terminal.raw()
        self._resize()
        self._child.signal(signal.SIGCONT)
        self._screen.start()
        self.keys.start()

    def _continue(self) -> None:
        self._continued.set()
        if not self._stopping:  # stopped by SIGSTOP, after which a shell has changed the terminal
            self._resume()

    # Signals

    @contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, self._resize)
        loop.add_signal_handler(signal.SIGTSTP, self._child.signal, signal.SIGTSTP)
        loop.add_signal_handler(signal.SIGCONT, self._continue)
        try:
            yield
        finally:
            for number in (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT):
                loop.remove_signal_handler(number)

    def _resize(self) -> None:
        with suppress(OSError):
            self._child.resize(self._terminal.size())

    def _hang_up(self) -> None:
        """The terminal is gone."""
        for number in (signal.SIGHUP, signal.SIGCONT):
            self._child.signal(number)
