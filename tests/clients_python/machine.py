"""A machine with sessions of Claude Code on it, as the collector sees them, and a collector."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.clients_python.place import Place
from tests.support.api import Api

COLLECT = [sys.executable, "-m", "agentstream", "collect"]
WITH_CLOCK = """
import pathlib, sys, time
clock, real = pathlib.Path(sys.argv[1]), time.time
time.time = lambda: real() + float(clock.read_text() or 0)
from agentstream.cli import main
sys.exit(main(["collect"]))
"""


@dataclass
class Machine:
    """A home with Claude Code's files in it, and processes that stand for Claude Code's."""

    home: Path
    place: Place
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "CLAUDE_"))}
        return {**inherited, "HOME": str(self.home), "AGENTSTREAM_TOKEN": self.place.token}

    def configure(self, more: str = "", hours: float = 1) -> None:
        folder = self.home / ".config" / "agentstream"
        folder.mkdir(parents=True, exist_ok=True)
        main = f'[collector]\nurl = "{self.place.url}"\nworkspace = "{self.place.slug}"\nbackfill_hours = {hours}\n'
        (folder / "config.toml").write_text(main + more)

    def session(
        self, folder: str, *said: str, ago: float = 0.0, version: str = "2.1.332", **entry: Any
    ) -> tuple[subprocess.Popen[bytes], Path]:
        """A running session in that folder below home, which has said something so many seconds ago; the process and
        its transcript. `entry` is more of what the registry says."""
        process = subprocess.Popen(["sleep", "1000"])
        self.processes.append(process)
        session, work = str(uuid.uuid4()), self.home / folder
        work.mkdir(exist_ok=True)
        transcript = self.home / ".claude" / "projects" / folder / f"{session}.jsonl"
        transcript.parent.mkdir(parents=True, exist_ok=True)
        for words in said:
            say(transcript, words, ago)
        started = Path(f"/proc/{process.pid}/stat")
        told = {
            "pid": process.pid,
            "procStart": started.read_text().rpartition(")")[2].split()[19] if started.exists() else "",
            "sessionId": session,
            "cwd": str(work),
            "status": "busy",
            "startedAt": (time.time() - ago) * 1000,
            "statusUpdatedAt": (time.time() - ago) * 1000,
            "version": version,
        }
        registry = self.home / ".claude" / "sessions"
        registry.mkdir(exist_ok=True)
        (registry / f"{process.pid}.json").write_text(json.dumps(told | entry))
        return process, transcript

    def collect(self) -> tuple[int, str]:
        """The exit code of a collector that can't run, and what it says."""
        done = subprocess.run(COLLECT, env=self.environment, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stderr

    @contextmanager
    def collecting(self, clock: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """A collector; its clock is ahead by the seconds in the file `clock`, if there is one."""
        command = COLLECT if clock is None else [sys.executable, "-c", WITH_CLOCK, str(clock)]
        process = subprocess.Popen(command, env=self.environment, stderr=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=30)

    def agents(self) -> dict[str, dict[str, Any]]:
        """Those that the collector has registered, by name."""
        found = Api(self.place.url, self.place.token).get(f"/workspaces/{self.place.workspace}/agents").data
        return {agent["name"]: agent for agent in found if agent["labels"].get("tool") == "claude"}

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


def say(transcript: Path, words: str, ago: float = 0.0) -> None:
    then = datetime.fromtimestamp(time.time() - ago, UTC).isoformat().replace("+00:00", "Z")
    blocks = [{"type": "text", "text": words}, {"type": "tool_use", "id": "t", "name": "Bash", "input": {}}]
    record = {"type": "assistant", "uuid": str(uuid.uuid4()), "timestamp": then, "message": {"content": blocks}}
    with transcript.open("a") as file:
        file.write(json.dumps(record) + "\n")
