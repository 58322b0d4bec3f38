"""A person's machine: a home of their own, the real Claude Code in tmux, and a scripted model that it talks to."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.clients_python.place import Place
from tests.clients_python.recording.model import Script, serving
from tests.clients_python.recording.replies import Answer
from tests.support.api import Api
from tests.support.server import ROOT, free_port

TOOLS = ROOT / "tests" / "tools" / "node_modules" / ".bin"
# A busy machine takes its time; on a free one an expectation that holds costs none.
PATIENCE = 60.0
PROMPT = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}"
Found = TypeVar("Found")


def eventually(look: Callable[[], Found], seconds: float = PATIENCE) -> Found:
    """The first true result."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.05)
    return found


@dataclass
class Terminal:
    """A window of tmux."""

    socket: str
    folder: Path

    def tmux(self, *arguments: str) -> str:
        return subprocess.run(
            ["tmux", "-L", self.socket, "-f", "/dev/null", *arguments], check=True, capture_output=True, text=True
        ).stdout

    @property
    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    @property
    def pid(self) -> int:
        """Of the program that runs in it."""
        return int(self.tmux("display-message", "-p", "#{pane_pid}"))

    def shows(self, *words: str) -> bool:
        screen = self.screen
        return all(one in screen for one in words)

    def wait_for(self, *words: str) -> None:
        try:
            eventually(lambda: self.shows(*words))
        except AssertionError:
            raise AssertionError(f"expected {words} on the screen:\n{self.screen}") from None

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-l", text)
        eventually(lambda: self.shows(text))
        self.tmux("send-keys", "Enter")

    def confirm(self, question: str) -> None:
        """Answer a dialog with what is selected; it takes keys a moment after it is shown."""
        self.wait_for(question)

        def gone() -> bool:
            self.press("Enter")
            time.sleep(0.3)
            return question not in self.screen

        eventually(gone)

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)


@dataclass
class Person:
    """Somebody with an account on this machine, and a workspace on the server."""

    home: Path
    place: Place
    model: str
    _terminals: list[Terminal] = field(default_factory=list)

    @property
    def work(self) -> Path:
        return self.home / "the work"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.pathsep.join([str(TOOLS), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONPATH": str(ROOT / "clients" / "python" / "src"),
            "HOME": str(self.home),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": self.model,
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
        }

    def prepare(self) -> None:
        """As after the first start of Claude Code, with everything confirmed."""
        self.work.mkdir(parents=True)
        (self.home / ".claude").mkdir()
        known = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
        about = {
            "hasCompletedOnboarding": True,
            "theme": "dark",
            "customApiKeyResponses": {"approved": ["none"], "rejected": []},
            "projects": {str(self.work): known},
        }
        (self.home / ".claude.json").write_text(json.dumps(about))

    def agentstream(self, *arguments: str, code: int | None = 0) -> str:
        """What the command prints."""
        environment = {**self.environment, "AGENTSTREAM_URL": self.place.url, "AGENTSTREAM_TOKEN": self.place.token}
        done = subprocess.run(
            [sys.executable, "-m", "agentstream", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def claude(self, *arguments: str) -> Terminal:
        """Claude Code as people start it; waits until it can be typed to."""
        terminal = Terminal(f"agentstream-{os.getpid()}-{free_port()}", self.work)
        self._terminals.append(terminal)
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        command = ["env", "-i", *variables, "claude", "--model", "claude-sonnet-4-5", *arguments]
        size = ("-x", "120", "-y", "40", "-c", str(self.work))
        terminal.tmux("new-session", "-d", *size, *command)
        terminal.tmux("set-option", "-g", "remain-on-exit", "on")
        terminal.wait_for(PROMPT)
        return terminal

    def close(self) -> None:
        for terminal in self._terminals:
            subprocess.run(["tmux", "-L", terminal.socket, "kill-server"], capture_output=True, check=False)
        self.agentstream("disconnect", code=None)

    # What the server knows

    @property
    def api(self) -> Api:
        return Api(self.place.url, self.place.token)

    def agents(self) -> list[dict[str, Any]]:
        """The agents of the workspace that connected themselves."""
        found = self.api.get(f"/workspaces/{self.place.workspace}/agents").data
        return [agent for agent in found if agent["labels"].get("tool") == "claude"]

    def agent(self) -> dict[str, Any]:
        (found,) = self.agents()
        return found

    def request(self) -> dict[str, Any]:
        """The agent's open request, once there is one."""
        eventually(self.agents)
        path = f"/agents/{self.agent()['id']}/requests"
        found: dict[str, Any] = eventually(lambda: self.api.get(path).data["requests"])[0]
        return found

    def answer(self, request: dict[str, Any], **given: Any) -> int:
        path = f"/agents/{self.agent()['id']}/requests/{request['requestId']}/answer"
        return self.api.post(path, given).status

    def resolution(self, request: dict[str, Any]) -> dict[str, Any]:
        """How a request has ended, once it has."""
        path = f"/agents/{self.agent()['id']}/requests/{request['requestId']}"
        found: dict[str, Any] = eventually(lambda: self.api.get(path).data.get("resolution"))
        return found

    def outputs(self) -> list[dict[str, Any]]:
        """Everything that was published of the agent's words."""
        name = self.agent()["name"]
        return [event.payload for event in self.place.history(name) if event.type == "agent:output"]


@contextmanager
def person(home: Path, place: Place, answers: Sequence[Answer]) -> Iterator[Person]:
    """A person whose model gives these answers."""
    with serving(Script(answers), free_port()) as model:
        someone = Person(home, place, model)
        someone.prepare()
        try:
            yield someone
        finally:
            someone.close()
            shutil.rmtree(home, ignore_errors=True)
