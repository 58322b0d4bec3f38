"""Finds the rollout files in which Codex keeps its sessions."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

# Sessions that ended long ago are compressed (.jsonl.zst); one that is resumed isn't.
_NAME = re.compile(
    r"rollout-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-"
    r"(?P<session>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.jsonl"
)
# The first line has the instructions to the model.
MAX_HEAD_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Head:
    """What the first line of a rollout file says. `created` is in seconds since 1970; `root` is the session of the
    terminal, which is another for a sub-agent."""

    path: Path
    session: str
    root: str
    created: float
    cwd: str
    version: str
    is_from_a_terminal: bool


def codex_home(environment: Mapping[str, str]) -> Path:
    """The folder in which Codex keeps its files."""
    return Path(environment.get("CODEX_HOME") or Path(environment.get("HOME") or Path.home()) / ".codex")


def session_of(path: Path) -> str | None:
    """The session's id, from the file's name; None if it isn't a rollout file."""
    named = _NAME.fullmatch(path.name)
    return named["session"] if named else None


def rollouts(home: Path, days: int) -> Iterator[Path]:
    """The rollout files that were begun on that many of the newest days, the newest first."""
    for folder in islice(_days(home / "sessions"), days):
        yield from (folder / name for name in _entries(folder) if _NAME.fullmatch(name))


def rollout(home: Path, session: str) -> Path | None:
    """The file of a session."""
    return next((path for path in rollouts(home, 10_000) if session_of(path) == session), None)


def open_rollouts(pid: int) -> Iterator[Path]:
    """The rollout files that a process has open; only Linux tells."""
    folder = Path(f"/proc/{pid}/fd")
    for name in _entries(folder):
        with suppress(OSError):  # closed since, or not ours to see
            file = Path(os.readlink(folder / name))
            if session_of(file):
                yield file


def head(path: Path) -> Head | None:
    """What a file's first line says; None if it isn't whole yet, or not as expected."""
    with suppress(OSError, ValueError, RecursionError), path.open("rb") as file:
        match json.loads(file.readline(MAX_HEAD_BYTES)):
            case {"type": "session_meta", "payload": {"id": str(session), "cwd": str(cwd), **meta}}:
                version = str(meta.get("cli_version") or "")
                terminal = str(meta.get("originator")).startswith(("codex-tui", "codex_cli"))
                return Head(path, session, _root(meta) or session, created(session), cwd, version, terminal)
    return None


def created(session: str) -> float:
    """When a session was created, in seconds since 1970; its id says so. Raises ValueError."""
    return int(session.replace("-", "")[:12], 16) / 1_000


def _root(meta: Mapping[Any, Any]) -> str | None:
    match meta:
        case {"session_id": str(root)} | {"parent_thread_id": str(root)}:
            return root
        case {"source": {"subagent": {"thread_spawn": {"parent_thread_id": str(root)}}}}:
            return root
        case _:
            return None


def _days(sessions: Path) -> Iterator[Path]:
    """The folders of days, the newest first."""
    for year in _folders(sessions):
        for month in _folders(year):
            yield from _folders(month)


def _folders(parent: Path) -> list[Path]:
    return [parent / entry for entry in _entries(parent) if entry.isdecimal()]


def _entries(folder: Path) -> list[str]:
    """The names in a folder, the last first; none if it can't be read."""
    try:
        return sorted(os.listdir(folder), reverse=True)
    except OSError:
        return []
