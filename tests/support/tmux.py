"""A terminal that interprets what programs draw: tmux, with a server for each test."""

import os
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.support.waiting import eventually

SHELL = ("env", "PS1=$ ", "bash", "--norc", "--noprofile", "-i")


class Terminal:
    """A window with one program; it remains when the program has ended."""

    def __init__(
        self, folder: Path, command: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (40, 120)
    ) -> None:
        self._server = ["tmux", "-L", f"agentstream-{uuid.uuid4().hex}", "-f", os.devnull]
        rows, columns = map(str, size)
        where = ["-x", columns, "-y", rows, "-c", str(folder)]
        # In one call, because the program may end before a second one.
        start = ["set-option", "-g", "remain-on-exit", "on", ";", "new-session", "-d", *where, *command]
        subprocess.run([*self._server, *start], env={**environment, "TMUX": ""}, check=True, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def tmux(self, *arguments: str) -> str:
        line = [*self._server, *arguments]
        return subprocess.run(line, check=True, capture_output=True, text=True, timeout=30).stdout

    @property
    def screen(self) -> str:
        """The visible text, with wrapped lines joined."""
        return self.tmux("capture-pane", "-p", "-J")

    @property
    def picture(self) -> str:
        """The visible text with colors and other attributes, and the cursor's position."""
        cursor = "#{cursor_x},#{cursor_y},#{cursor_flag},#{alternate_on},#{mouse_any_flag}"
        return self.tmux("capture-pane", "-p", "-e", ";", "display-message", "-p", cursor)

    @property
    def pid(self) -> int:
        """The program's process id."""
        return int(self.tmux("display-message", "-p", "#{pane_pid}"))

    def shows(self, *words: str) -> bool:
        screen = self.screen
        return all(one in screen for one in words)

    def wait_for(self, *words: str, times: int = 1) -> None:
        """Wait until each of these words is shown this many times."""
        eventually(
            lambda: all(self.screen.count(one) >= times for one in words),
            otherwise=lambda: f"expected {words} on the screen:\n{self.screen}",
        )

    def wait_for_prompt(self) -> None:
        """Wait for the shell's prompt: what is typed earlier may still reach a program that is ending."""
        eventually(
            lambda: self.screen.split()[-1:] == ["$"], otherwise=lambda: f"there is no prompt; this is:\n{self.screen}"
        )

    def type(self, text: str) -> None:
        """Type a line, and Enter once it is shown."""
        self.tmux("send-keys", "-l", text)
        self.wait_for(text)
        self.press("Enter")

    def press(self, *keys: str) -> None:
        """Press these keys, named as in tmux: `Enter`, `C-z`."""
        self.tmux("send-keys", *keys)

    def confirm(self, question: str) -> None:
        """Accept a dialog's selection; it accepts keys only a moment after it is shown."""
        self.wait_for(question)

        def gone() -> bool:
            self.press("Enter")
            time.sleep(0.3)
            return question not in self.screen

        eventually(gone)

    def resize(self, rows: int, columns: int) -> None:
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def close(self) -> None:
        subprocess.run([*self._server, "kill-server"], capture_output=True, check=False)


@contextmanager
def shell(folder: Path, environment: Mapping[str, str], size: tuple[int, int] = (24, 80)) -> Iterator[Terminal]:
    """A terminal with a shell at its prompt, until the block ends."""
    with Terminal(folder, SHELL, environment, size) as terminal:
        terminal.wait_for_prompt()
        yield terminal
