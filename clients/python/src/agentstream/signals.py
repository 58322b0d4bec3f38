"""Stopping a command: where the request comes from, and how it is passed on."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from agentstream.process import Process

# A command that ends within these seconds after a signal passed on to it ended because of that signal.
ATTRIBUTION_SECONDS = 10.0
# How long a command that was told to stop may take to do so.
KILL_AFTER_SECONDS = 10.0

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class SignalForwarder:
    """Signals on their way to the command: from this program's own, and from people at the page."""

    process: Process
    _signalled: float = float("-inf")
    _interrupts: int = 0
    _stop_requested: bool = False

    @property
    def stop_requested(self) -> bool:
        """Whether a command that ends now does so because somebody wanted it to."""
        return self._stop_requested or time.monotonic() - self._signalled < ATTRIBUTION_SECONDS

    def interrupt(self) -> None:
        """Somebody at the page wants it to leave off."""
        self._send(signal.SIGINT)

    def stop(self) -> None:
        """Somebody at the page wants it to end: SIGTERM, and after 10 s SIGKILL."""
        self._send(signal.SIGTERM)
        if not self._stop_requested:
            self._stop_requested = True
            asyncio.get_running_loop().call_later(KILL_AFTER_SECONDS, self.process.signal, signal.SIGKILL)

    @contextmanager
    def forwarding(self) -> Iterator[None]:
        """Pass on the signals of this program for the length of a block; only the main thread gets any."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in _FORWARDED}
        # What was told to be ignored, as nohup does, the command inherits ignored: nothing to pass on.
        before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
        for number in before:
            loop.add_signal_handler(number, self._forward, number)
        try:
            yield
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    def _forward(self, number: signal.Signals) -> None:
        self._interrupts += number is signal.SIGINT
        self._send(signal.SIGKILL if self._interrupts > 1 else number)

    def _send(self, number: signal.Signals) -> None:
        self._signalled = time.monotonic()
        self.process.signal(number)
