"""Claude Code's plan: its tasks, one file each in `~/.claude/tasks/<session>`. Older versions write it into the
transcript."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentstream.adapters.progress import MAX_ENTRIES, plan
from agentstream.messages import Plan

MAX_FILE_BYTES = 64 * 1024

Stamp = tuple[str, int, int]


@dataclass
class ClaudeTasks:
    """Looks at the tasks of one session at a time, again and again; files are read only if one of them has changed."""

    home: Path
    _session: str = ""
    _stamps: list[Stamp] = field(default_factory=list)

    def changed(self, session: str) -> Plan | None:
        """The session's plan, if it isn't the same as at the last call; at the first, no tasks are no plan."""
        folder = self.home / "tasks" / session
        before, stamps = self._stamps, _stamps(folder)
        is_known = session == self._session or not (before or stamps)
        self._session, self._stamps = session, stamps
        if is_known and stamps == before:
            return None
        return plan((task.get("subject"), task.get("status")) for task in _tasks(folder, stamps))


def _stamps(folder: Path) -> list[Stamp]:
    found: list[Stamp] = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.removesuffix(".json").isdecimal():
                with suppress(OSError):
                    about = entry.stat()
                    found.append((entry.name, about.st_mtime_ns, about.st_size))
    return sorted(found, key=lambda stamp: int(stamp[0].removesuffix(".json")))[:MAX_ENTRIES]


def _tasks(folder: Path, stamps: list[Stamp]) -> Iterator[dict[str, Any]]:
    for name, _, size in stamps:
        if size <= MAX_FILE_BYTES:
            with suppress(OSError, ValueError, RecursionError):
                task = json.loads((folder / name).read_bytes())
                if isinstance(task, dict):
                    yield task
