"""Claude Code as a source: its processes are in its registry, its sessions in `~/.claude/projects`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agentstream.collector.activity import Activity
from agentstream.collector.claude_agent import ClaudeAgent
from agentstream.collector.claude_registry import ClaudeProcess, ClaudeRegistry
from agentstream.collector.claude_tasks import ClaudeTasks
from agentstream.collector.claude_transcript import ClaudeTranscript
from agentstream.collector.hooks import HookEvent
from agentstream.collector.positions import Seat
from agentstream.collector.process import Liveness, Process
from agentstream.collector.source import Transcript


@dataclass
class ClaudeSource:
    """Finds Claude Code's processes and transcripts below its folder."""

    home: Path
    tool: str = "claude"
    _listed: set[Process] = field(default_factory=set)
    _liveness: Liveness = field(default_factory=Liveness)

    def __post_init__(self) -> None:
        self._registry = ClaudeRegistry(self.home)

    def hear(self, event: HookEvent) -> None:
        """The registry says all there is to know of processes."""

    def look(self) -> Iterator[ClaudeProcess]:
        """The processes in the registry that run."""
        found = self._registry.processes()
        self._listed = {one.process for one in found}
        alive = self._liveness.alive(self._listed)
        return (one for one in found if one.process in alive)

    def has_quit(self, process: Process) -> bool:
        """Claude Code takes itself out of the registry at its end, unless it is killed."""
        return process not in self._listed

    def remembered(self, seat: Seat) -> ClaudeProcess:
        """The registry no longer has it."""
        return ClaudeProcess(seat.process, seat.session, seat.cwd, Activity.IDLE, time.time(), "")

    def agent(self, run: str, session: str) -> ClaudeAgent:
        return ClaudeAgent(run, ClaudeTasks(self.home), session)

    def transcripts(self, running: ClaudeProcess, known: Collection[Path]) -> Iterator[Transcript]:
        """The session's transcript and those of its sub-agents, once the tool calls that started them are known."""
        if path := self._transcript(running.session, known):
            yield Transcript(path, ClaudeTranscript)
            for sub in _subagents(path):
                if sub not in known and (parent := _parent(sub)):
                    yield Transcript(sub, _translators(parent), of_subagent=True)

    def _transcript(self, session: str, known: Collection[Path]) -> Path | None:
        """The session's own transcript. Looking for it takes a while where there are many projects."""
        named = (path for path in known if path.stem == session)
        return next(named, None) or next((self.home / "projects").glob(f"*/{session}.jsonl"), None)


def _subagents(transcript: Path) -> list[Path]:
    """The transcripts of a session's sub-agents. It is looked for them often and most sessions have none: `glob` would
    take ten times as long."""
    folder = str(transcript).removesuffix(".jsonl") + "/subagents"
    with suppress(OSError):
        names = [name for name in os.listdir(folder) if name.startswith("agent-") and name.endswith(".jsonl")]
        return [Path(folder, name) for name in names]
    return []


def _translators(parent: str) -> Callable[[], ClaudeTranscript]:
    return lambda: ClaudeTranscript(parent)


def _parent(transcript: Path) -> str | None:
    """The tool call that started the sub-agent of a transcript; None while that isn't known."""
    with suppress(OSError, ValueError, RecursionError):
        about = json.loads(transcript.with_suffix(".meta.json").read_text())
        match about:
            case {"toolUseId": str(call)} if 0 < len(call) <= 200:
                return call
    return None
