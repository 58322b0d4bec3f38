"""Finds the rollout files in which Codex keeps its sessions, and the process that writes each."""

from __future__ import annotations

import importlib
import io
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import IO, Any

_NAME = re.compile(
    r"rollout-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-"
    r"(?P<session>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.jsonl(?:\.zst)?"
)
_COMPRESSED = ".zst"
_PROCESSES = Path("/proc")

logger = logging.getLogger(__name__)


def codex_home(environment: Mapping[str, str]) -> Path:
    """The folder in which Codex keeps its files."""
    return Path(environment.get("CODEX_HOME") or Path(environment.get("HOME") or Path.home()) / ".codex")


def rollouts(home: Path, days: int | None = None) -> Iterator[Path]:
    """The rollout files below Codex's folder, the newest session first; archived ones come last.

    With `days`, only those of that many of the newest days, without a look at the rest. A session that is resumed
    keeps its old file: `owners` has it for as long as Codex has it open.
    """
    folders = _days(home / "sessions")
    yield from (file for folder in islice(folders, days) for file in _files(folder))
    if days is None:
        yield from _files(home / "archived_sessions")


def session_of(path: Path) -> str | None:
    """The session's id, from the file's name; None if it isn't a rollout file."""
    named = _NAME.fullmatch(path.name)
    return named["session"] if named else None


def is_compressed(path: Path) -> bool:
    """Whether Codex has compressed the file, which it does to sessions that ended long ago."""
    return path.name.endswith(_COMPRESSED)


def open_rollout(path: Path) -> IO[bytes]:
    """The file's content, decompressed. Raises OSError, also if this Python has no Zstandard."""
    if not is_compressed(path):
        return path.open("rb")
    zstd = _zstd()
    if zstd is None:
        raise OSError(f"{path}: this Python can't read Zstandard; 3.14 can")
    opened: IO[bytes] = io.BufferedReader(zstd.open(path, "rb"))
    return opened


def owner(path: Path) -> int | None:
    """The process that has the file open; None if there is none, or if the system doesn't tell (only Linux does).

    It is Codex's background process if the terminal uses one, as it does by default: several terminals have the same,
    and it goes on when they are closed.
    """
    return owners().get(path.absolute())


def owners() -> dict[Path, int]:
    """All rollout files that are open, with the process that has each open."""
    return {file: process for process in _processes() for file in _open_files(process)}


def _days(sessions: Path) -> Iterator[Path]:
    """The folders of days, the newest first."""
    for year in _folders(sessions):
        for month in _folders(year):
            yield from _folders(month)


def _folders(parent: Path) -> list[Path]:
    return [parent / entry for entry in _entries(parent) if entry.isdecimal()]


def _files(folder: Path) -> Iterator[Path]:
    names = [name for name in _entries(folder) if _NAME.fullmatch(name)]
    plain = {name for name in names if not name.endswith(_COMPRESSED)}
    for name in names:
        # While Codex compresses a file, there are both.
        if name in plain or (name.removesuffix(_COMPRESSED) not in plain and _zstd() is not None):
            yield folder / name


def _entries(folder: Path) -> list[str]:
    """The names in a folder, the last first; none if it can't be read."""
    try:
        return sorted(os.listdir(folder), reverse=True)
    except OSError:
        return []


@cache
def _zstd() -> Any:
    try:
        return importlib.import_module("compression.zstd")
    except ImportError:
        logger.info("Compressed sessions of Codex are skipped: this Python can't read Zstandard (3.14 can).")
        return None


def _processes() -> Iterable[int]:
    return sorted((int(name) for name in _entries(_PROCESSES) if name.isdecimal() and _is_codex(name)), reverse=True)


def _is_codex(process: str) -> bool:
    try:
        return (_PROCESSES / process / "comm").read_text(errors="replace").startswith("codex")
    except OSError:
        return False


def _open_files(process: int) -> Iterator[Path]:
    folder = _PROCESSES / str(process) / "fd"
    for name in _entries(folder):
        try:
            file = Path(os.readlink(folder / name))
        except OSError:
            # Closed since, or not ours to see.
            continue
        if session_of(file):
            yield file
