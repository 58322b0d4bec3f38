"""A terminal that understands what programs draw: tmux, with a server of the test's own."""

import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.pty import until


class Tmux:
    """One pane with a shell in it."""

    def __init__(self, folder: Path, environment: Mapping[str, str], size: tuple[int, int]) -> None:
        self._tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        self._environment = dict(environment)
        rows, columns = size
        shell = "PS1='$ ' exec bash --norc --noprofile -i"
        self._run("new-session", "-d", "-x", str(columns), "-y", str(rows), shell)
        self.wait_for_prompt()

    def keys(self, *keys: str) -> None:
        """Press these keys, named as in tmux: `Enter`, `C-z`."""
        self._run("send-keys", *keys)

    def enter(self, line: str | Sequence[str]) -> None:
        """Type a command line and Enter."""
        self._run("send-keys", "-l", line if isinstance(line, str) else shlex.join(line))
        self.keys("Enter")

    def resize(self, rows: int, columns: int) -> None:
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def picture(self) -> str:
        """What the pane shows, with colors and other attributes, and where the cursor is."""
        cursor = self._run(
            "display-message", "-p", "#{cursor_x},#{cursor_y},#{cursor_flag},#{alternate_on},#{mouse_any_flag}"
        )
        return self._run("capture-pane", "-p", "-e") + cursor

    def text(self) -> str:
        return self._run("capture-pane", "-p", "-J")

    def wait_for(self, text: str, times: int = 1) -> None:
        until(lambda: self.text().count(text) >= times, lambda: f"{text!r} is not shown; this is:\n{self.text()}")

    def wait_for_prompt(self) -> None:
        """Wait until the shell waits for a command: what is typed earlier may still go to a program that is ending."""
        until(lambda: self.text().split()[-1:] == ["$"], lambda: f"there is no prompt; this is:\n{self.text()}")

    def close(self) -> None:
        self._run("kill-server")

    def _run(self, *arguments: str) -> str:
        line = [*self._tmux, *arguments]
        result = subprocess.run(line, env=self._environment, capture_output=True, text=True, timeout=30, check=True)
        return result.stdout


@contextmanager
def tmux(folder: Path, environment: Mapping[str, str], size: tuple[int, int] = (24, 80)) -> Iterator[Tmux]:
    """A pane with a shell, until the block ends; the server's socket is in `folder`."""
    pane = Tmux(folder, {**environment, "TMUX": ""}, size)
    try:
        yield pane
    finally:
        pane.close()
