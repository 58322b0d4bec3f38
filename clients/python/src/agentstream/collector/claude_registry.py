"""Claude Code's registry of its running processes: `~/.claude/sessions/<pid>.json`, written since version 2.1.139.

Claude Code removes the file when it exits, and leaves it behind when it crashes or is killed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentstream.collector.activity import Activity
from agentstream.collector.process import Process
from agentstream.collector.source import Running

MAX_FILE_BYTES = 64 * 1024
_ACTIVITIES = {
    "busy": Activity.RUNNING,
    "idle": Activity.IDLE,
    "shell": Activity.IDLE,  # only a background command runs
    "waiting": Activity.WAITING,
}


def claude_home(environment: Mapping[str, str]) -> Path:
    """Where Claude Code keeps its settings and sessions."""
    if folder := environment.get("CLAUDE_CONFIG_DIR"):
        return Path(folder)
    return Path(environment.get("HOME") or "~").expanduser() / ".claude"


@dataclass(frozen=True)
class ClaudeProcess(Running):
    """A Claude Code process. Its activity changed at `changed`, in seconds since 1970."""

    waiting_for: str | None = None
    changed: float = 0.0
    title: str | None = None


# A file's time and size, and what it said.
Seen = tuple[tuple[int, int], ClaudeProcess | None]


@dataclass
class ClaudeRegistry:
    """Reads the registry again and again; only files that have changed are opened."""

    home: Path
    _known: dict[str, Seen] = field(default_factory=dict)

    def processes(self) -> list[ClaudeProcess]:
        """The processes in the registry, whether they still run or not. Files that can't be read are left out."""
        known, self._known = self._known, {}
        with suppress(OSError), os.scandir(self.home / "sessions") as entries:
            for entry in entries:
                if entry.name.endswith(".json"):
                    self._known[entry.path] = _seen(entry, known.get(entry.path))
        return [process for _, process in self._known.values() if process is not None]


def _seen(entry: os.DirEntry[str], before: Seen | None) -> Seen:
    try:
        found = entry.stat()
    except OSError:
        return (0, 0), None
    stamp = (found.st_mtime_ns, found.st_size)
    if before and before[0] == stamp and before[1] is not None:
        return before
    return stamp, _read(Path(entry.path))


def _read(path: Path) -> ClaudeProcess | None:
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MAX_FILE_BYTES))
    except (OSError, ValueError, RecursionError):
        return None  # gone meanwhile, half written, or something else's
    return _process(found) if isinstance(found, dict) else None


def _process(found: dict[str, Any]) -> ClaudeProcess | None:
    match found:
        case {"pid": int(pid), "sessionId": str(session), "cwd": str(cwd), "status": str(status)} if pid > 0:
            return ClaudeProcess(
                Process(pid, str(found.get("procStart") or "")),
                session,
                cwd,
                _ACTIVITIES.get(status, Activity.RUNNING),
                _seconds(found.get("startedAt")),
                _text(found.get("version")) or "",
                _text(found.get("waitingFor")),
                _seconds(found.get("statusUpdatedAt")),
                _text(found.get("name")) if found.get("nameSource") in ("user", "auto") else None,
            )
        case _:
            return None


def _seconds(milliseconds: object) -> float:
    return milliseconds / 1_000 if isinstance(milliseconds, int | float) else 0.0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
