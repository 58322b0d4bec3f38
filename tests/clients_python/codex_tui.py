"""A person who uses the real Codex in tmux, with a scripted model that it talks to."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients_python.place import Place
from tests.clients_python.recording.model import Script, serving
from tests.clients_python.recording.replies import Answer, reply, text
from tests.clients_python.recording.tools import codex_settings
from tests.clients_python.tui import Person
from tests.support.server import free_port
from tests.support.tmux import Terminal
from tests.support.waiting import eventually

PROMPT = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "
# How much of the account's allowances is used, as OpenAI's service tells it.
LIMITS = {
    "x-codex-primary-used-percent": "12.5",
    "x-codex-primary-window-minutes": "300",
    "x-codex-primary-reset-at": "1795766400",
}
# Of the first agent in a person's folder.
NAME = "the work"
ENDED = ("finished", "offline")
# Without Codex's background process, which would keep the sessions of all terminals.
ALONE = ("--disable", "daemon_auto_start")


@dataclass
class CodexPerson(Person):
    """Everything that Codex asks at its first start is confirmed."""

    tool: str = "codex"
    script: Script = field(default_factory=lambda: Script([reply(text("Hello."))]))

    @property
    def codex_home(self) -> Path:
        return self.home / ".codex"

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"SCRIPTED_KEY": "none"}

    def prepare(self) -> None:
        self.work.mkdir(parents=True)
        self.codex_home.mkdir()
        (self.codex_home / "config.toml").write_text(codex_settings(self.model, self.work))

    def connect(self, *options: str) -> None:
        self.agentstream("connect", "codex", *options, "--workspace", self.place.slug, "--yes", "--no-service")

    def codex(self, *arguments: str) -> Terminal:
        """Codex as people start it; waits until it can be typed to."""
        terminal = self.start("codex", *arguments)
        terminal.wait_for("GPT-5.5 default")
        return terminal

    def say(self, terminal: Terminal, words: str, *answers: Answer) -> None:
        """Type a line, which the model answers like that."""
        self.script.go_on(*answers)
        tell(terminal, words)

    def agent(self) -> dict[str, Any]:
        """The first in the folder."""
        return next(one for one in self.agents() if one["name"] == NAME)

    def second_said(self) -> list[str]:
        """The words of the second in the folder and of its person."""
        events = self.place.history(f"{NAME} #2")
        spoken = [event.payload for event in events if event.type == "agent:output"]
        return [one["content"] for one in spoken if one["role"] in ("user", "assistant") and one["kind"] == "text"]

    def codex_process(self, terminal: Terminal) -> int:
        """Codex itself, which npm's program has started."""
        children = Path(f"/proc/{terminal.pid}/task/{terminal.pid}/children").read_text().split()
        return int(children[0])

    def quit(self, terminal: Terminal) -> None:
        """Leave Codex, and wait until that is known."""
        ended = self._ended()
        tell(terminal, "/quit")
        eventually(lambda: self._ended() > ended)

    def _ended(self) -> int:
        return sum(one["status"] in ENDED for one in self.agents())

    def leave_all(self) -> None:
        """Close the terminals that are open, so that the next test finds none."""
        while self._terminals:
            self._terminals.pop().close()
        eventually(lambda: all(one["status"] in ENDED for one in self.agents()))

    def kill_collector(self) -> None:
        os.kill(int((self.home / ".local/state/agentstream/hooks/collector.pid").read_text()), signal.SIGKILL)

    def close(self) -> None:
        super().close()
        self.kill_daemon()

    def kill_daemon(self) -> None:
        """End Codex's background process."""
        for name in ("daemon.pid", "daemon-updater.pid"):
            with suppress(OSError, ValueError):
                os.kill(json.loads((self.codex_home / "app-server-daemon" / name).read_text())["pid"], signal.SIGKILL)


def tell(terminal: Terminal, words: str) -> None:
    """Type a line, again if it comes too early to be taken."""

    def taken() -> bool:
        if PROMPT + words in terminal.screen:
            return True
        terminal.tmux("send-keys", "-l", words)
        with suppress(AssertionError):
            return bool(eventually(lambda: PROMPT + words in terminal.screen, 2))
        return False

    eventually(taken)
    terminal.press("Enter")


@contextmanager
def codex_person(home: Path, place: Place) -> Iterator[CodexPerson]:
    """A person whose model says what the test tells it."""
    script = Script([reply(text("Hello."))])
    with serving(script, free_port(), LIMITS) as model:
        someone = CodexPerson(home, place, model, script=script)
        someone.prepare()
        try:
            yield someone
        finally:
            someone.close()
