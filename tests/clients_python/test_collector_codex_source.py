"""Codex's terminals are found with the sessions that they show, whoever keeps these."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from agentstream.collector.activity import Activity
from agentstream.collector.codex_agent import CodexTerminal
from agentstream.collector.codex_source import CodexSource
from agentstream.collector.positions import Seat
from agentstream.collector.process import Process

from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which files a process has open")

# Opens the files that it is told, like Codex its sessions.
OPENING = 'while read -r file; do exec {number}>>"$file"; done'


@dataclass
class Codex:
    """A process that stands for Codex: bash under its name."""

    process: subprocess.Popen[bytes]
    input: int

    def open(self, path: Path) -> None:
        os.write(self.input, f"{path}\n".encode())
        folder = Path(f"/proc/{self.process.pid}/fd")
        eventually(lambda: str(path) in [str(file.readlink()) for file in folder.iterdir()])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Machine:
    """A home of Codex, its processes, and its sessions."""

    home: Path
    opened: list[Codex] = field(default_factory=list)
    sessions: int = 0

    def codex(self, *arguments: str, cwd: str = "work", on_a_terminal: bool = True) -> Codex:
        work = self.home / cwd
        work.mkdir(parents=True, exist_ok=True)
        program = self.home / "codex"
        if not program.exists():
            program.symlink_to("/bin/bash")
        end, other = pty.openpty() if on_a_terminal else reversed(os.pipe())
        process = subprocess.Popen(
            [program, "-c", OPENING, "codex", *arguments],
            stdin=other,
            stdout=other if on_a_terminal else subprocess.DEVNULL,
            cwd=work,
            env={"CODEX_HOME": str(self.home)},
        )
        os.close(other)
        self.opened.append(Codex(process, end))
        return self.opened[-1]

    def daemon(self) -> Codex:
        return self.codex("app-server", "--managed-daemon", cwd=".", on_a_terminal=False)

    def session(self, cwd: str = "work", parent: str | None = None, originator: str = "codex-tui") -> Path:
        """A session's file; its id has the time in it, as Codex's have."""
        self.sessions += 1
        stamp = f"{int(time.time() * 1000):012x}"
        id_ = f"{stamp[:8]}-{stamp[8:]}-7000-8000-{self.sessions:012x}"
        meta = {"id": id_, "cwd": str(self.home / cwd), "originator": originator, "cli_version": "0.169.0"}
        path = self.home / "sessions/2026/11/27" / f"rollout-2026-11-27T09-00-{self.sessions:02}-{id_}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, "session_meta", meta | {"session_id": parent or id_})
        return path

    def close(self) -> None:
        for one in self.opened:
            one.kill()
            os.close(one.input)


def write(path: Path, type_: str, payload: Mapping[str, object]) -> None:
    with path.open("a") as file:
        record = {"timestamp": datetime.now(UTC).isoformat(), "type": type_, "payload": payload}
        file.write(json.dumps(record) + "\n")


def turn(path: Path, *events: str) -> None:
    for event in events:
        write(path, "event_msg", {"type": event})


def id_of(path: Path) -> str:
    return path.stem[-36:]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.close()


@pytest.fixture
def source(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> CodexSource:
    monkeypatch.setattr("agentstream.collector.codex_source.SCAN_SECONDS", 0.0)
    return CodexSource(machine.home)


def shown(source: CodexSource) -> dict[int, str]:
    """The sessions that terminals show, by pid."""
    return {one.process.pid: one.session for one in source.look()}


def seen(source: CodexSource, codex: Codex) -> CodexTerminal:
    return next(one for one in source.look() if one.process.pid == codex.process.pid)


def test_only_terminals_of_this_home_are_agents(machine: Machine, source: CodexSource, tmp_path: Path) -> None:
    one = machine.codex()
    machine.codex("exec", "do it")
    machine.daemon()
    other = Machine(tmp_path / "elsewhere")
    other.codex()
    eventually(lambda: shown(source))
    assert shown(source) == {one.process.pid: ""}
    assert seen(source, one).cwd == str(machine.home / "work")
    assert abs(seen(source, one).began - time.time()) < 30
    other.close()


def test_a_terminal_that_keeps_its_session_itself_shows_it(machine: Machine, source: CodexSource) -> None:
    one, other = machine.codex(), machine.codex()
    first, second = machine.session(), machine.session()
    one.open(second)
    other.open(first)
    assert shown(source) == {one.process.pid: id_of(second), other.process.pid: id_of(first)}


def test_sessions_in_the_background_go_to_the_terminals_of_their_folders(machine: Machine, source: CodexSource) -> None:
    daemon, here = machine.daemon(), machine.codex()
    there = machine.codex("-C", "../there", cwd="elsewhere")
    ours, theirs, foreign = machine.session(), machine.session("there"), machine.session(originator="codex_vscode")
    for path in (foreign, theirs, ours):
        daemon.open(path)
    assert shown(source) == {here.process.pid: id_of(ours), there.process.pid: id_of(theirs)}
    new = machine.session()
    daemon.open(new)
    assert shown(source)[here.process.pid] == id_of(new)


def test_a_session_that_its_terminal_has_left_is_not_given_to_another(machine: Machine, source: CodexSource) -> None:
    daemon, first = machine.daemon(), machine.codex()
    left = machine.session()
    daemon.open(left)
    turn(left, "task_started", "task_complete")
    process = seen(source, first).process
    first.kill()
    second = machine.codex()
    assert eventually(lambda: shown(source)) == {second.process.pid: ""}
    assert source.has_quit(process)


def test_a_turn_in_the_background_goes_on_until_it_ends(machine: Machine, source: CodexSource) -> None:
    daemon, terminal = machine.daemon(), machine.codex()
    path = machine.session()
    daemon.open(path)
    turn(path, "task_started")
    running = seen(source, terminal)
    assert running.activity is Activity.RUNNING
    terminal.kill()
    assert seen(source, terminal).background
    turn(path, "task_complete")
    assert shown(source) == {}
    assert source.has_quit(running.process)


def test_a_turn_that_nobody_goes_on_with_is_lost(machine: Machine, source: CodexSource) -> None:
    daemon, terminal = machine.daemon(), machine.codex()
    path = machine.session()
    daemon.open(path)
    turn(path, "task_started")
    running = seen(source, terminal)
    daemon.kill()
    terminal.kill()
    assert shown(source) == {}
    assert not source.has_quit(running.process)
    seat = Seat(Process(running.process.pid, "1"), running.cwd, running.session)
    assert source.remembered(seat).path == path
    assert not source.has_quit(seat.process)


def test_the_files_of_sub_agents_belong_to_their_session(machine: Machine, source: CodexSource) -> None:
    terminal = machine.codex()
    path = machine.session()
    terminal.open(path)
    sub, foreign = machine.session(parent=id_of(path)), machine.session(parent="another")
    found = list(source.transcripts(seen(source, terminal), ()))
    assert [(one.path, one.of_subagent) for one in found] == [(path, False), (sub, True)]
    assert foreign.exists()
