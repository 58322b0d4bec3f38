"""Codex's processes: terminals that people use, and the background process that keeps the sessions of several."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agentstream.collector.codex_files import codex_home
from agentstream.collector.process import Process, start_time

# Only Linux has it.
PROC = Path("/proc")
MAX_ARGUMENTS_BYTES = 64 * 1024
MAX_ENVIRONMENT_BYTES = 256 * 1024
# A process has the name of the one that started it for a moment.
LOOKS = 3
# Commands of Codex that aren't interactive.
_COMMANDS = {"exec", "e", "review", "app-server", "mcp", "mcp-server", "exec-server", "login", "logout", "sandbox"}


@dataclass(frozen=True)
class CodexProcess:
    """A process of Codex, which began at `began` in seconds since 1970. `cwd` is where it works, and `is_terminal`
    whether a person uses it in one."""

    process: Process
    cwd: str
    began: float
    is_terminal: bool


@dataclass
class CodexProcesses:
    """Looks for those that keep their files below `home` again and again; other processes only when they are new."""

    home: Path
    _looked: dict[int, int] = field(default_factory=dict)
    _found: dict[int, CodexProcess] = field(default_factory=dict)

    def look(self) -> list[CodexProcess]:
        """Those that run."""
        pids = {int(name) for name in _entries(PROC) if name.isdecimal()}
        self._looked = {pid: looks for pid, looks in self._looked.items() if pid in pids}
        self._found = {pid: one for pid, one in self._found.items() if pid in pids and one.process.is_alive}
        for pid in pids - self._found.keys():
            if (looks := self._looked.get(pid, 0)) < LOOKS:
                self._looked[pid] = looks + 1
                if found := _codex(pid, self.home):
                    self._found[pid] = found
        return list(self._found.values())


def _codex(pid: int, home: Path) -> CodexProcess | None:
    folder = PROC / str(pid)
    with suppress(OSError, ValueError):
        if not (folder / "comm").read_text(errors="replace").startswith("codex"):
            return None
        if codex_home(_environment(folder)) != home:
            return None
        with (folder / "cmdline").open("rb") as file:
            arguments = [os.fsdecode(word) for word in file.read(MAX_ARGUMENTS_BYTES).split(b"\0")[1:]]
        if started := start_time(pid):
            interactive = _is_terminal(folder) and not _COMMANDS.intersection(arguments)
            return CodexProcess(Process(pid, started), _folder(folder, arguments), _moment(started), interactive)
    return None


def _environment(folder: Path) -> dict[str, str]:
    with (folder / "environ").open("rb") as file:
        lines = file.read(MAX_ENVIRONMENT_BYTES).split(b"\0")
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in (line.partition(b"=") for line in lines)}


def _is_terminal(folder: Path) -> bool:
    return all(os.readlink(folder / "fd" / fd).startswith(("/dev/pts/", "/dev/tty")) for fd in ("0", "1"))


def _folder(folder: Path, arguments: list[str]) -> str:
    """Where it works: in the folder that it was told (``-C``, ``--cd``), or where it was started."""
    here = os.readlink(folder / "cwd")
    for option, value in zip(arguments, [*arguments[1:], ""], strict=True):
        name, _, joined = option.partition("=")
        if name in ("-C", "--cd"):
            return os.path.normpath(os.path.join(here, joined or value))
    return here


def _moment(started: str) -> float:
    """When a process started that did so after that many ticks of the system's life."""
    up = float((PROC / "uptime").read_text().split()[0])
    return time.time() - up + int(started) / os.sysconf("SC_CLK_TCK")


def _entries(folder: Path) -> Iterator[str]:
    with suppress(OSError):
        yield from os.listdir(folder)
