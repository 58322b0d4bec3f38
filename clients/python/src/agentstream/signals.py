"""Passes signals on to the command: from this program, and from people on the agent's page."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

# A command that ends within this many seconds after a forwarded signal counts as ended by it.
ATTRIBUTION_SECONDS = 10.0
# How long a command may take to stop after SIGTERM.
KILL_AFTER_SECONDS = 10.0

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Target(Protocol):
    """A running command."""

    def signal(self, number: int) -> None:
        """Send it a signal; without effect after its end."""
        ...


@dataclass
class SignalForwarder:
    """Forwards this program's signals, and people's, to the command."""

    process: Target
    _signalled: float = float("-inf")
    _interrupts: int = 0
    _stop_requested: bool = False

    @property
    def stop_requested(self) -> bool:
        """Whether a command that ends now was stopped on request."""
        return self._stop_requested or time.monotonic() - self._signalled < ATTRIBUTION_SECONDS

    def interrupt(self) -> None:
        """Interrupt the command on behalf of a person: SIGINT."""
        self._send(signal.SIGINT)

    def stop(self) -> None:
        """Stop the command on behalf of a person: SIGTERM, and after 10 s SIGKILL."""
        self._send(signal.SIGTERM)
        if not self._stop_requested:
            self._stop_requested = True
            asyncio.get_running_loop().call_later(KILL_AFTER_SECONDS, self.process.signal, signal.SIGKILL)

    @contextmanager
    def forwarding(self) -> Iterator[None]:
        """Pass on this program's signals for the duration of a block; only the main thread gets any."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in _FORWARDED}
        # The command inherits signals that are ignored, for example by nohup: nothing to pass on.
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
