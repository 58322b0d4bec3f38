"""A person's machine: a home of their own, the real Claude Code in tmux, and a scripted model that it talks to."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.clients_python.place import Place
from tests.clients_python.recording.model import Script, serving
from tests.clients_python.recording.replies import Answer
from tests.support import ROOT
from tests.support.api import Api
from tests.support.matrix import saw
from tests.support.server import free_port
from tests.support.tmux import Terminal as Terminal  # noqa: PLC0414
from tests.support.waiting import eventually as eventually  # noqa: PLC0414

TOOLS = ROOT / "tests" / "tools" / "node_modules" / ".bin"
PROMPT = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}"


@dataclass
class Person:
    """Somebody with an account on this machine, and a workspace on the server."""

    home: Path
    place: Place
    model: str
    tool: str = "claude"
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

    def start(self, *command: str) -> Terminal:
        """A program in a terminal of its own, with nothing but the person's environment."""
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        terminal = Terminal(self.work, ["env", "-i", *variables, *command], os.environ)
        self._terminals.append(terminal)
        return terminal

    def run(self, *command: str) -> str:
        """What a program prints that needs no terminal."""
        return subprocess.run(
            command,
            env=self.environment,
            cwd=self.work,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            stdin=subprocess.DEVNULL,
        ).stdout

    def claude(self, *arguments: str) -> Terminal:
        """Claude Code as people start it; waits until it can be typed to."""
        terminal = self.start("claude", "--model", "claude-sonnet-4-5", *arguments)
        terminal.wait_for(PROMPT)
        return terminal

    def close(self) -> None:
        for terminal in self._terminals:
            terminal.close()
        self.agentstream("disconnect", code=None)

    # What the server knows

    @property
    def api(self) -> Api:
        return Api(self.place.url, self.place.token)

    def agents(self) -> list[dict[str, Any]]:
        """The agents of the workspace that connected themselves."""
        found = self.api.get(f"/workspaces/{self.place.workspace}/agents").data
        return [agent for agent in found if agent["labels"].get("tool") == self.tool]

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

    def plan(self) -> list[dict[str, Any]]:
        """The agent's plan, step by step."""
        found: dict[str, Any] = self.api.get(f"/agents/{self.agent()['id']}").data.get("plan") or {}
        return list(found.get("entries", []))

    def said(self, parent: str | None = None) -> list[str]:
        """What people and the agent said, or a sub-agent of it."""
        spoken = (one for one in self.outputs() if one["kind"] == "text" and one.get("parentId") == parent)
        return [one["content"] for one in spoken if parent or one["role"] in ("user", "assistant")]

    def has_said(self, words: list[str]) -> bool:
        """Whether that is all that people and the agent said."""
        return bool(self.agents()) and self.said() == words

    def events(self, type_: str) -> list[dict[str, Any]]:
        """The payloads of everything of that type that was published of the agent."""
        return [event.payload for event in self.place.history(self.agent()["name"]) if event.type == type_]

    def saw(self, *features: str) -> None:
        """The page shows these of the tool that runs, as the documentation says."""
        labels = self.agent()["labels"]
        saw(labels["tool"], labels["toolVersion"], *features)

    def outputs(self) -> list[dict[str, Any]]:
        """Everything that was published of the agent's words."""
        return self.events("agent:output")


@contextmanager
def person(
    home: Path, place: Place, answers: Sequence[Answer], others: Mapping[str, Sequence[Answer]] = MappingProxyType({})
) -> Iterator[Person]:
    """A person whose model gives these answers, and these `others` to sub-agents that are told so."""
    with serving(Script(answers, others), free_port()) as model:
        someone = Person(home, place, model)
        someone.prepare()
        try:
            yield someone
        finally:
            someone.close()
            shutil.rmtree(home, ignore_errors=True)
