"""Records the files in which Codex keeps its sessions, while a person uses it in a terminal (tmux)."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentstream.collector.codex_files import open_rollouts
from agentstream.collector.codex_processes import CodexProcesses

from tests.clients_python.messages import TRANSCRIPTS
from tests.support.tmux import Terminal
from tests.support.waiting import eventually

from .model import Script, serving
from .recorder import programs
from .terminal_scenes import SCENES, Ended, Killed, Pressed, Restarted, Seen, Step, TerminalScene, Typed
from .tools import codex_settings

PORT = 47252
HERE = Path("/tmp/agentstream-terminal")
HOME = HERE / "home"
WORK = HERE / "work"
DOCS = Path(__file__).with_name("docs.py")
# How much of the account's allowances is used, as OpenAI's service tells it.
LIMITS = {
    "x-codex-primary-used-percent": "12.5",
    "x-codex-primary-window-minutes": "300",
    "x-codex-primary-reset-at": "1795766400",
    "x-codex-secondary-used-percent": "40",
    "x-codex-secondary-window-minutes": "10080",
    "x-codex-secondary-reset-at": "1796000000",
}
PROMPT = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
LONGEST = 120.0
# Seconds in which a terminal program takes keys one by one, not as pasted text.
APART = 1.2
# Seconds from the first screen to when it takes a line.
READY = 2.5
# Seconds in which a line that was taken is shown.
TAKEN = 6.0

Record = dict[str, Any]


@dataclass
class Codex:
    """Codex in a terminal of its own; `path` is where programs are found."""

    path: str
    terminal: Terminal | None = None

    def start(self, *arguments: str) -> None:
        self.close()
        variables = {"PATH": self.path, "HOME": HOME, "LANG": "C.UTF-8", "TZ": "UTC", "SCRIPTED_KEY": "none"}
        given = [f"{name}={value}" for name, value in (variables | {"TERM": "xterm-256color"}).items()]
        self.terminal = Terminal(WORK, ["env", "-i", *given, "codex", *arguments], os.environ, (50, 120))
        self.wait(lambda: "gpt-5.5 default" in self.screen.lower())
        time.sleep(READY)

    @property
    def screen(self) -> str:
        assert self.terminal is not None
        return self.terminal.screen

    def press(self, key: str) -> None:
        assert self.terminal is not None
        self.terminal.press(key)
        time.sleep(APART)

    def type(self, words: str) -> None:
        """Type a line, again if it comes too early to be taken."""
        shown = words.removeprefix("!") if words.startswith("!") else f"{PROMPT} {words}"
        while shown not in self.screen:
            self.press(words)
            with suppress(AssertionError):
                self.wait(lambda: shown in self.screen, TAKEN)
        self.press("Enter")

    def wait(self, happened: Callable[[], bool], seconds: float = LONGEST) -> None:
        eventually(happened, seconds, otherwise=lambda: self.screen)

    def close(self) -> None:
        if self.terminal is not None:
            self.terminal.close()


def record(scene: TerminalScene, path: str) -> Iterator[tuple[str, list[Record]]]:
    """The names and lines of the files that the scene leaves, the oldest first."""
    shutil.rmtree(HERE, ignore_errors=True)
    WORK.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "greetings", WORK], check=True)
    with serving(Script(scene.answers), PORT, LIMITS) as url:
        _configure(url)
        codex = Codex(path)
        try:
            codex.start(*scene.arguments)
            for step in scene.steps:
                _take(step, codex)
        finally:
            codex.close()
            _kill_daemons()
    for number, file in enumerate(_files()):
        yield scene.name + (f"-{number + 1}" if number else ""), [_trimmed(line) for line in _lines(file)]


def _take(step: Step, codex: Codex) -> None:
    match step:
        case Typed(words):
            codex.type(words)
        case Pressed(key):
            codex.press(key)
        case Seen(words):
            codex.wait(lambda: words in codex.screen)
        case Ended(turns):
            codex.wait(lambda: _ended() >= turns)
        case Restarted(arguments):
            codex.wait(lambda: "codex resume" in codex.screen)
            codex.start(*arguments)
        case Killed():
            time.sleep(APART)
            for one in CodexProcesses(HOME / ".codex").look():
                if any(open_rollouts(one.process.pid)):
                    os.kill(one.process.pid, signal.SIGKILL)


def _ended() -> int:
    lines = [line for file in _files() for line in _lines(file)]
    return sum(line["payload"].get("type") in ("task_complete", "turn_aborted") for line in lines)


def _files() -> list[Path]:
    return sorted((HOME / ".codex/sessions").rglob("rollout-*.jsonl"))


def _lines(file: Path) -> list[Record]:
    whole = file.read_text().rpartition("\n")[0]
    return [json.loads(line) for line in whole.split("\n") if line]


def _trimmed(line: Record) -> Record:
    """Without instructions to the model and the description of this machine."""
    payload = dict(line["payload"])
    match line["type"], payload:
        case "session_meta", _:
            payload.pop("base_instructions", None)
        case "turn_context" | "world_state", _:
            kept = ("turn_id", "cwd", "model", "effort", "approval_policy", "full")
            payload = {name: payload[name] for name in kept if name in payload}
        case "event_msg", {"type": "thread_settings_applied"}:
            payload.pop("thread_settings")
        case "compacted", _:
            payload["replacement_history"] = []
        case "response_item", {"type": "message", "role": "developer"}:
            payload["content"] = [{"type": "input_text", "text": "…"}]
        case "response_item", {"type": "message", "role": "user", "content": [{"text": str(text)}, *_]}:
            if text.startswith(("<environment_context>", "# AGENTS.md", "<user_instructions>")):
                payload["content"] = [{"type": "input_text", "text": "<environment_context>…</environment_context>"}]
    return line | {"payload": payload}


def _configure(model: str) -> None:
    (HOME / ".codex").mkdir(parents=True)
    docs = f"""
[mcp_servers.docs]
command = "{sys.executable}"
args = ["{DOCS}"]
"""
    (HOME / ".codex/config.toml").write_text(codex_settings(model, WORK) + docs)


def _kill_daemons() -> None:
    for name in ("daemon.pid", "daemon-updater.pid"):
        file = HOME / ".codex/app-server-daemon" / name
        if file.exists():
            with suppress(ProcessLookupError):
                os.kill(json.loads(file.read_text())["pid"], signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.clients_python.recording.terminal", description=__doc__)
    parser.add_argument("--tools", metavar="FOLDER", help="where codex is, if not on PATH")
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help="default: all")
    given = parser.parse_args()
    for scene in SCENES:
        if not given.scenes or scene.name in given.scenes:
            for name, lines in record(scene, programs(given.tools)):
                folder = TRANSCRIPTS / "codex-rollout" / lines[0]["payload"]["cli_version"]
                folder.mkdir(parents=True, exist_ok=True)
                text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
                (folder / f"{name}.jsonl").write_text(text)
                sys.stdout.write(f"{name}: {len(lines)} lines\n")


if __name__ == "__main__":
    main()
