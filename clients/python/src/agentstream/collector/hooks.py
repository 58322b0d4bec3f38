"""The folder through which hooks and the collector exchange events and answers.

hook.sh         what the hooks run
collector.pid   the running collector, without which hooks do nothing
new/            events, one file each
asks/           events whose hooks wait for an answer, until it is given
answers/        one FIFO for each of those, or a file if opencode asks
opencode/       what processes of opencode do now, and what they said
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from agentstream.files import replace_file, state_folder

# A larger event is dropped: a hook's input holds at most a few files.
MAX_EVENT_BYTES = 32 * 1024 * 1024
# How long an incomplete file may be in the middle of being written.
INCOMPLETE_SECONDS = 10.0
FOLDERS = ("new", "asks", "answers", "opencode")


@dataclass(frozen=True)
class HookEvent:
    """What a hook was told, and when (seconds since 1970). `hook` is its process and `asks` whether it waits for an
    answer under the name `id`."""

    id: str
    at: float
    hook: int
    asks: bool
    event: Mapping[str, Any]

    @property
    def session(self) -> str:
        """The session whose hook it is; empty if the event doesn't say."""
        return str(self.event.get("session_id") or "")


class AlreadyRunning(Exception):
    """Another collector of this user runs on this machine."""


def hook_folder(environment: Mapping[str, str]) -> Path:
    """The user's folder for hooks."""
    return state_folder(environment) / "hooks"


@dataclass
class HookSpool:
    """The collector's side of the folder."""

    folder: Path

    def install(self) -> Path:
        """Create the folder; returns the path of the script for the hooks. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        for name in FOLDERS:
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)
        if not self.is_current:
            replace_file(self.script, _script_text(), 0o700)
        return self.script

    @property
    def script(self) -> Path:
        """What the hooks run. It keeps its name and arguments from version to version: settings name it."""
        return self.folder / "hook.sh"

    @property
    def is_current(self) -> bool:
        """Whether the script is that of this version."""
        try:
            return self.script.read_text() == _script_text()
        except (OSError, UnicodeDecodeError):
            return False

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Hooks store their events within this block. Raises `AlreadyRunning`, and OSError."""
        self.install()
        path = self.folder / "collector.pid"
        with path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as busy:
                if busy.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                raise AlreadyRunning(f"another collector is running, with pid {path.read_text().strip()}") from None
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)

    @property
    def collector(self) -> int | None:
        """The pid of the running collector, if there is one."""
        with suppress(OSError, ValueError), (self.folder / "collector.pid").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(file.read())
        return None

    def take(self) -> list[HookEvent]:
        """The events that have arrived since the last call, oldest first. Those that don't ask are removed."""
        found = [*self._events("new"), *self._events("asks")]
        for event in found:
            if not event.asks:
                self._remove("new", event.id)
        return sorted(found, key=lambda event: event.at)

    def waits(self, event: HookEvent) -> bool:
        """Whether the hook of `event` still waits for an answer."""
        try:
            os.kill(event.hook, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return (self.folder / "asks" / event.id).exists()

    def answer(self, event: HookEvent, text: str) -> bool:
        """Give the hook its answer, empty for none. Returns whether it has taken it; try again if not."""
        try:
            pipe = os.open(self.folder / "answers" / event.id, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            os.set_blocking(pipe, True)
            with open(pipe, "w", closefd=False) as file:
                file.write(text)
        except BrokenPipeError:
            return False
        finally:
            os.close(pipe)
        return True

    def forget(self, event: HookEvent) -> None:
        """Remove what a hook left that no longer waits, and end what still reads in its place."""
        self.answer(event, "")
        self._remove("asks", event.id)
        self._remove("answers", event.id)

    def _events(self, kind: str) -> Iterator[HookEvent]:
        with suppress(OSError), os.scandir(self.folder / kind) as entries:
            for entry in entries:
                if event := self._read(Path(entry.path), kind == "asks"):
                    yield event

    def _read(self, path: Path, asks: bool) -> HookEvent | None:
        try:
            found = path.stat()
            event = json.loads(path.read_bytes()) if found.st_size <= MAX_EVENT_BYTES else None
            hook = int(path.name.rpartition("-")[2])
            if not isinstance(event, dict):
                raise ValueError("expected a JSON object")
        except OSError:
            return None
        except (ValueError, RecursionError):
            if time.time() - found.st_mtime > INCOMPLETE_SECONDS:
                self._remove(path.parent.name, path.name)
            return None
        return HookEvent(path.name, found.st_mtime, hook, asks, event)

    def _remove(self, kind: str, id_: str) -> None:
        with suppress(OSError):
            (self.folder / kind / id_).unlink()


def _script_text() -> str:
    return files("agentstream.collector").joinpath("hook.sh").read_text()
