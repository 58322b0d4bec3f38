"""Codex as a source: its terminals are in `/proc`, its sessions in `~/.codex/sessions`.

By default Codex's terminals leave their sessions to one process in the background, which nobody can ask whose is whose.
So a session that begins in a folder belongs to the terminal there that has none, or has had its own for longest.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from agentstream.collector.activity import Activity
from agentstream.collector.codex import CodexRollout
from agentstream.collector.codex_agent import CodexAgent, CodexTerminal
from agentstream.collector.codex_files import Head, head, open_rollouts, rollout, rollouts, session_of
from agentstream.collector.codex_processes import CodexProcesses
from agentstream.collector.hooks import HookEvent
from agentstream.collector.positions import Seat
from agentstream.collector.process import Liveness, Process
from agentstream.collector.source import Transcript

# How often processes and files are looked at, unless a hook of an unknown session is called.
SCAN_SECONDS = 2.0
# A session that began before midnight may have sub-agents of today.
DAYS = 2
# The end of a terminal is noticed a little later, and clocks are adjusted.
CLOCK_SECONDS = 1.0
MAX_END_BYTES = 256 * 1024
MAX_ENDED = 1_000


@dataclass
class CodexSource:
    """Finds Codex's terminals and the sessions that they show."""

    home: Path
    tool: str = "codex"
    _terminals: dict[Process, CodexTerminal] = field(default_factory=dict)
    _heads: dict[Path, Head] = field(default_factory=dict)
    _owners: dict[str, Process] = field(default_factory=dict)
    _ended: dict[Process, Path | None] = field(default_factory=dict)
    _left: dict[str, float] = field(default_factory=dict)
    _scanned: float = float("-inf")
    _liveness: Liveness = field(default_factory=Liveness)

    def __post_init__(self) -> None:
        self._processes = CodexProcesses(self.home)

    def hear(self, event: HookEvent) -> None:
        """A session that isn't known is looked for at once."""
        path = event.event.get("transcript_path")
        if event.session and event.session not in self._owners and isinstance(path, str) and session_of(Path(path)):
            self._scanned = float("-inf")

    def look(self) -> Iterable[CodexTerminal]:
        """The terminals that are open, and those whose session goes on with a turn in the background."""
        alive = self._liveness.alive(self._terminals.keys())
        closed = any(not one.background and one.process not in alive for one in self._terminals.values())
        if closed or time.monotonic() - self._scanned >= SCAN_SECONDS:
            self._scanned = time.monotonic()
            self._scan()
        return list(self._terminals.values())

    def has_quit(self, process: Process) -> bool:
        """A terminal that was closed in the middle of a turn which nobody goes on with was killed."""
        path = self._ended.get(process)
        return path is None or last_activity(path) not in (Activity.RUNNING, Activity.WAITING)

    def remembered(self, seat: Seat) -> CodexTerminal:
        """Its session is still in its file."""
        path = rollout(self.home, seat.session) if seat.session else None
        self._remember(seat.process, path)
        return CodexTerminal(seat.process, seat.session, seat.cwd, Activity.IDLE, time.time(), "", path)

    def agent(self, run: str, session: str) -> CodexAgent:
        return CodexAgent(run, session)

    def transcripts(self, running: CodexTerminal, known: Collection[Path]) -> Iterator[Transcript]:
        """The session's file and those of its sub-agents."""
        if running.path is None:
            return
        session = running.session
        yield Transcript(running.path, lambda: CodexRollout(session))
        for one in self._heads.values():
            if one.root == session != one.session:
                yield Transcript(one.path, _translators(one), of_subagent=True)

    def _scan(self) -> None:
        processes = self._processes.look()
        opened = {path: one.process for one in processes for path in open_rollouts(one.process.pid)}
        terminals = {one.process: one for one in processes if one.is_terminal}
        for process in [*self._terminals]:
            if process not in terminals:
                self._close(process, opened)
        for process, found in terminals.items():
            if process not in self._terminals:
                self._terminals[process] = CodexTerminal(process, "", found.cwd, Activity.IDLE, found.began, "")
        self._read_heads(opened)
        for path in sorted(opened, key=lambda path: path.name):
            if (session := self._heads.get(path)) and session.root == session.session:
                self._give(session, opened[path])

    def _read_heads(self, opened: Iterable[Path]) -> None:
        """Read the beginning of each file that is new; those from before the oldest terminal don't matter."""
        oldest = min((one.began for one in self._terminals.values()), default=time.time())
        candidates = {*opened, *(path for path in rollouts(self.home, DAYS) if _written(path) >= oldest)}
        heads = ((path, self._heads.get(path) or head(path)) for path in candidates)
        self._heads = {path: found for path, found in heads if found}

    def _give(self, session: Head, holder: Process) -> None:
        """Find the terminal of a session that isn't known to have one."""
        if session.session in self._owners:
            return
        if holder in self._terminals:
            terminal = self._terminals[holder]
        else:
            here = [one for one in self._terminals.values() if self._may_show(one, session)]
            if not here:
                return
            terminal = min(here, key=lambda one: (_last_used(one), one.began > session.created + CLOCK_SECONDS))
        self._owners[session.session] = terminal.process
        self._terminals[terminal.process] = replace(
            terminal,
            session=session.session,
            path=session.path,
            version=session.version,
            known=time.time(),
            activity=last_activity(session.path) or Activity.IDLE,
        )

    def _may_show(self, terminal: CodexTerminal, session: Head) -> bool:
        """Whether a session may be that of a terminal: it was begun there, or went on since the terminal was opened."""
        if terminal.background or not session.is_from_a_terminal or os.path.realpath(session.cwd) != terminal.cwd:
            return False
        written = _written(session.path)
        if left := self._left.get(session.session):
            return written > left and terminal.began >= left - CLOCK_SECONDS
        return written >= terminal.began or session.created >= terminal.began - CLOCK_SECONDS

    def _close(self, process: Process, opened: Mapping[Path, Process]) -> None:
        """A terminal is gone; if its session works in the background, it stays until the turn ends."""
        terminal = self._terminals[process]
        if terminal.path and terminal.path in opened and last_activity(terminal.path) is Activity.RUNNING:
            self._terminals[process] = replace(terminal, background=True)
            return
        del self._terminals[process]
        self._remember(process, terminal.path)
        for session in [session for session, owner in self._owners.items() if owner == process]:
            del self._owners[session]
            self._left[session] = time.time()
        while len(self._left) > MAX_ENDED:
            del self._left[next(iter(self._left))]

    def _remember(self, process: Process, path: Path | None) -> None:
        self._ended[process] = path
        while len(self._ended) > MAX_ENDED:
            del self._ended[next(iter(self._ended))]


def last_activity(path: Path) -> Activity | None:
    """What the agent does by the end of a file."""
    rollout = CodexRollout("")
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - MAX_END_BYTES))
        for line in reversed(file.read().split(b"\n")):
            with suppress(ValueError, RecursionError):
                record = json.loads(line)
                if isinstance(record, dict) and (activity := rollout.activity(record)):
                    return activity
    return None


def _last_used(terminal: CodexTerminal) -> float:
    """When the session that a terminal shows was written last; 0 if it has none."""
    return 0.0 if terminal.path is None else _written(terminal.path)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _translators(sub: Head) -> Callable[[], CodexRollout]:
    return lambda: CodexRollout(sub.session, parent=sub.session)
