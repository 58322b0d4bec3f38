"""The collector reports what it finds on a machine, as configured, whatever happens to single agents."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.clients_python.place import Place
from tests.support.api import Api
from tests.support.waiting import eventually

COLLECT = [sys.executable, "-m", "agentstream", "collect"]
MAIN = '[collector]\nurl = "http://h"\nworkspace = "w"\n'


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

    def configure(self, more: str = "") -> None:
        folder = self.home / ".config" / "agentstream"
        folder.mkdir(parents=True)
        main = f'[collector]\nurl = "{self.place.url}"\nworkspace = "{self.place.slug}"\n'
        (folder / "config.toml").write_text(main + more)

    def session(self, folder: str, *said: str) -> tuple[subprocess.Popen[bytes], Path]:
        """A running session in that folder below home, which has said something; the process and its transcript."""
        process = subprocess.Popen(["sleep", "1000"])
        self.processes.append(process)
        session, work = str(uuid.uuid4()), self.home / folder
        work.mkdir(exist_ok=True)
        transcript = self.home / ".claude" / "projects" / folder / f"{session}.jsonl"
        transcript.parent.mkdir(parents=True, exist_ok=True)
        for words in said:
            say(transcript, words)
        started = Path(f"/proc/{process.pid}/stat")
        entry = {
            "pid": process.pid,
            "procStart": started.read_text().rpartition(")")[2].split()[19] if started.exists() else "",
            "sessionId": session,
            "cwd": str(work),
            "status": "busy",
            "startedAt": time.time() * 1000,
            "statusUpdatedAt": time.time() * 1000,
            "version": "2.1.332",
        }
        registry = self.home / ".claude" / "sessions"
        registry.mkdir(exist_ok=True)
        (registry / f"{process.pid}.json").write_text(json.dumps(entry))
        return process, transcript

    def collect(self) -> tuple[int, str]:
        """The exit code of a collector that can't run, and what it says."""
        done = subprocess.run(COLLECT, env=self.environment, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stderr

    @contextmanager
    def collecting(self) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(COLLECT, env=self.environment, stderr=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=30)

    def agents(self) -> dict[str, dict[str, Any]]:
        """Those that the collector has registered, by name."""
        found = Api(self.place.url, self.place.token).get(f"/workspaces/{self.place.workspace}/agents").data
        return {agent["name"]: agent for agent in found if agent["labels"].get("tool") == "claude"}


def say(transcript: Path, words: str) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    blocks = [{"type": "text", "text": words}, {"type": "tool_use", "id": "t", "name": "Bash", "input": {}}]
    record = {"type": "assistant", "uuid": str(uuid.uuid4()), "timestamp": now, "message": {"content": blocks}}
    with transcript.open("a") as file:
        file.write(json.dumps(record) + "\n")


@pytest.fixture
def machine(tmp_path: Path, place: Place) -> Iterator[Machine]:
    machine = Machine(tmp_path, place)
    yield machine
    for process in machine.processes:
        process.kill()
        process.wait()


def test_sessions_in_one_folder_are_numbered_and_end_with_their_processes(machine: Machine) -> None:
    machine.configure()
    first, _ = machine.session("site", "Hello from the first")
    machine.session("site", "Hello from the second")
    with machine.collecting():
        eventually(lambda: set(machine.agents()) == {"site", "site #2"})
        eventually(lambda: {agent["status"] for agent in machine.agents().values()} == {"running"})
        both = {"Hello from the first", "Hello from the second"}
        eventually(lambda: {machine.place.text(name) for name in machine.agents()} == both)
        first.kill()
        eventually(lambda: {agent["status"] for agent in machine.agents().values()} == {"running", "offline"})


def test_a_deleted_agent_stops_no_other(machine: Machine) -> None:
    machine.configure()
    _, transcript = machine.session("one", "Hello")
    machine.session("another", "Hello")
    with machine.collecting() as collector:
        eventually(lambda: len(machine.agents()) == 2)
        gone = machine.agents()["one"]["id"]
        assert Api(machine.place.url, machine.place.token).call("DELETE", f"/agents/{gone}").status == 204
        say(transcript, "into the void")
        _, other = machine.session("third", "Hello")
        eventually(lambda: set(machine.agents()) == {"another", "third"})
        say(other, " again")
        eventually(lambda: machine.place.text("third") == "Hello again")
        assert collector.poll() is None


def test_rules_decide_what_leaves_the_machine(machine: Machine) -> None:
    rules = "".join(
        f'[[rule]]\nfolder = "{machine.home}/{folder}"\n{rule}\n'
        for folder, rule in (
            ("secret", "ignore = true"),
            ("quiet", 'detail = "status"'),
            ("some", 'detail = "messages"'),
        )
    )
    machine.configure(rules)
    for folder in ("secret", "quiet", "some", "open"):
        machine.session(folder, f"Hello from {folder}")
    with machine.collecting():
        eventually(lambda: set(machine.agents()) == {"quiet", "some", "open"})
        eventually(lambda: machine.place.text("open") and machine.place.text("some"))
        eventually(lambda: machine.place.text("open", "tool"))
        eventually(lambda: machine.agents()["quiet"]["status"] == "running")
    said = {name: (machine.place.text(name), machine.place.text(name, "tool")) for name in machine.agents()}
    assert said == {"quiet": ("", ""), "some": ("Hello from some", ""), "open": ("Hello from open", "{}")}


def test_a_second_collector_says_that_there_is_one(machine: Machine) -> None:
    machine.configure()
    machine.session("site")
    with machine.collecting() as first:
        eventually(machine.agents)
        command = [sys.executable, "-m", "agentstream", "collect"]
        second = subprocess.run(
            command, env=machine.environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert second.returncode == 1
        assert second.stderr.strip() == f"agentstream: another collector is running, with pid {first.pid}"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, "run `agentstream connect`"),
        ("[collector]\n", "expected url in [collector]"),
        ("[collector\n", "config.toml"),
        (
            '[collector]\nurl = "http://h"\nworkspace = "w"\ndetail = "all"\n',
            "expected status, messages or full; got 'all'",
        ),
        (MAIN + "colour = 1\n", "got colour"),
        (
            '[collector]\nurl = "http://h"\nworkspace = "w"\n[[rule]]\nignore = "yes"\n',
            "expected true or false; got 'yes'",
        ),
    ],
)
def test_a_wrong_configuration_is_explained(machine: Machine, config: str | None, expected: str) -> None:
    if config is not None:
        folder = machine.home / ".config" / "agentstream"
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(config)
    code, said = machine.collect()
    assert code == 1
    assert expected in said
    assert "Traceback" not in said
