"""opencode as a source: its plugin says what each process does, and writes down what is said."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentstream.collector.activity import Activity
from agentstream.collector.hooks import HookEvent
from agentstream.collector.opencode_agent import OpencodeAgent, OpencodeProcess
from agentstream.collector.opencode_transcript import OpencodeTranscript
from agentstream.collector.positions import Seat
from agentstream.collector.process import Liveness, Process
from agentstream.collector.source import Transcript

MAX_FILE_BYTES = 64 * 1024

_ACTIVITIES = {"idle": Activity.IDLE, "busy": Activity.RUNNING, "retry": Activity.RUNNING}


@dataclass
class OpencodeSource:
    """Finds the processes in the plugin's folder."""

    folder: Path
    tool: str = "opencode"
    _listed: set[Process] = field(default_factory=set)
    _liveness: Liveness = field(default_factory=Liveness)

    def hear(self, event: HookEvent) -> None:
        """The plugin's folder says all there is to know of processes."""

    def look(self) -> Iterator[OpencodeProcess]:
        """The processes that run."""
        found = list(self._processes())
        self._listed = {one.process for one in found}
        alive = self._liveness.alive(self._listed)
        return (one for one in found if one.process in alive)

    def has_quit(self, process: Process) -> bool:
        """The plugin removes its file at the process's end, unless that is killed."""
        return process not in self._listed

    def remembered(self, seat: Seat) -> OpencodeProcess:
        """Its file may be gone, but not what was said."""
        process = seat.process
        events = self.folder / f"{process.pid}-{process.started}.jsonl"
        return OpencodeProcess(process, seat.session, seat.cwd, Activity.IDLE, time.time(), "", {}, events)

    def agent(self, run: str, session: str) -> OpencodeAgent:
        return OpencodeAgent(run, session)

    def transcripts(self, running: OpencodeProcess, known: Collection[Path]) -> Iterator[Transcript]:
        """One for the whole process."""
        if running.events.exists():
            yield Transcript(running.events, OpencodeTranscript)

    def _processes(self) -> Iterator[OpencodeProcess]:
        with suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.endswith(".json") and (found := _read(Path(entry.path))):
                    yield found


def _read(path: Path) -> OpencodeProcess | None:
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MAX_FILE_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return _process(found, path.parent) if isinstance(found, dict) else None


def _process(found: Mapping[str, Any], folder: Path) -> OpencodeProcess | None:
    match found:
        case {"pid": int(pid), "started": str(started), "cwd": str(cwd), "session": str(session)}:
            activity = Activity.FAILED if found.get("error") else _ACTIVITIES.get(str(found.get("status")))
            began = found.get("began")
            return OpencodeProcess(
                Process(pid, started),
                session,
                cwd,
                activity or Activity.RUNNING,
                float(began) if isinstance(began, int | float) else 0.0,
                str(found.get("version") or ""),
                found,
                folder / Path(str(found.get("events"))).name,
            )
        case _:
            return None
