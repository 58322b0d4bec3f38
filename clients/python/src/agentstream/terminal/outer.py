"""This program's own terminal."""

from __future__ import annotations

import fcntl
import os
import signal
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

STDIN, STDOUT = 0, 1
_SIZE_BYTES = 8  # struct winsize


@dataclass(frozen=True)
class Mode:
    """A terminal's settings and size."""

    attributes: list[Any]
    size: bytes

    def apply(self, descriptor: int) -> None:
        """Give them to another terminal."""
        termios.tcsetattr(descriptor, termios.TCSANOW, self.attributes)
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, self.size)


class OuterTerminal:
    """The terminal on standard input and output; `output` writes to it without ever blocking."""

    input = STDIN

    def __init__(self, output: int) -> None:
        self.output = output
        self.mode = Mode(termios.tcgetattr(STDIN), self.size())
        self._raw = False

    def size(self) -> bytes:
        """Its current size, as the kernel's struct."""
        return fcntl.ioctl(STDOUT, termios.TIOCGWINSZ, bytes(_SIZE_BYTES))

    def raw(self) -> None:
        """Pass every key on instead of interpreting it. In the background this waits until it is in the foreground, by
        being stopped as any program that changes the terminal is."""
        if not self._raw:
            self.mode = Mode(termios.tcgetattr(STDIN), self.size())
        # Not TCSAFLUSH, which is the default: it would discard what was typed before.
        tty.setraw(STDIN, termios.TCSANOW)
        self._raw = True

    def restore(self) -> None:
        """Put back the settings it had. In the background they are the shell's by now."""
        if self._raw and self._in_foreground():
            with _permitted(), suppress(termios.error):
                termios.tcsetattr(STDIN, termios.TCSANOW, self.mode.attributes)
        self._raw = False

    @staticmethod
    def _in_foreground() -> bool:
        try:
            return os.tcgetpgrp(STDIN) == os.getpgrp()
        except OSError:  # not the controlling terminal
            return True


@contextmanager
def _permitted() -> Iterator[None]:
    """Whether this is in the foreground may change at any time, and the restoration must not be stopped."""
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTTOU, before)


def is_terminal() -> bool:
    """Whether standard input and output are both terminals."""
    return os.isatty(STDIN) and os.isatty(STDOUT)


@contextmanager
def outer_terminal() -> Iterator[OuterTerminal]:
    """The terminal, as it is; it is restored when the block is left. Raises OSError if it can't be opened."""
    output = _reopened(STDOUT)
    try:
        terminal = OuterTerminal(output)
        try:
            yield terminal
        finally:
            terminal.restore()
    finally:
        os.close(output)


def _reopened(descriptor: int) -> int:
    """The same terminal opened once more, because whether writing blocks is shared by all who inherited a descriptor,
    among them the shell."""
    flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK
    try:
        return os.open(os.ttyname(descriptor), flags)
    except OSError:  # after `su` it belongs to somebody else
        return os.open("/dev/tty", flags)
