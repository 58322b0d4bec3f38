"""A terminal for tests: a program on a real pseudo-terminal, and its output."""

import fcntl
import os
import select
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.support.waiting import PATIENCE_SECONDS, eventually


class Screen:
    """A terminal with one program in it, which is also the leader of its session; `shown` is all it has printed."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], size: tuple[int, int]) -> None:
        self._master, self.slave = os.openpty()
        self.resize(*size)
        self.initial = self.attributes
        self.shown = bytearray()
        self._closed = False
        self._paused = threading.Event()
        self._paused.set()
        self.process = subprocess.Popen(
            command,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - a single system call
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def attributes(self) -> list[Any]:
        """The terminal's settings: equal to `initial` unless it is in raw mode."""
        return termios.tcgetattr(self.slave)

    @property
    def text(self) -> str:
        return self.shown.decode(errors="replace")

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def pause(self) -> None:
        """Stop reading, like a terminal whose user scrolls back; a read in progress still completes."""
        self._paused.clear()

    def go_on(self) -> None:
        self._paused.set()

    def hang_up(self) -> None:
        """The terminal's window is closed."""
        self._closed = True
        self._paused.set()
        self._reader.join()
        os.close(self.slave)
        self.slave = -1
        os.close(self._master)

    def wait_for(self, text: str, times: int = 1) -> None:
        eventually(
            lambda: self.text.count(text) >= times,
            otherwise=lambda: f"{text!r} is not shown; {self.text[-2000:]!r} is",
        )

    def wait(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.slave >= 0:
            self.hang_up()

    def _read(self) -> None:
        # Never in a blocking read, during which closing the terminal would have no effect.
        while self._paused.wait() and not self._closed:
            if select.select([self._master], [], [], 0.05)[0]:
                self.shown += os.read(self._master, 64 * 1024)


@contextmanager
def screen(
    command: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (24, 80)
) -> Iterator[Screen]:
    """Run the program in a terminal until the block ends."""
    made = Screen(command, environment, size)
    try:
        yield made
    finally:
        made.close()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
