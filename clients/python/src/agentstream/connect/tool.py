"""A coding agent's program on this machine, as `connect`, `disconnect` and `doctor` see it."""

from __future__ import annotations

import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from agentstream.collector.hooks import HookSpool, hook_folder
from agentstream.connect.settings_file import Edit, Journal, SettingsFile

VERSION_SECONDS = 20.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what it is, whether it is as it should be, and what was found."""

    what: str
    good: bool
    found: str


@dataclass(frozen=True)
class Tool(ABC):
    """A tool that can be connected. With `answer`, people may answer on the page even where the tool doesn't show its
    own dialog meanwhile."""

    name: ClassVar[str]
    min_version: ClassVar[tuple[int, ...]]
    environment: Mapping[str, str]
    answer: bool = False

    @abstractmethod
    def edits(self) -> list[tuple[SettingsFile, Edit]]:
        """What connecting changes in which files. Raises OSError, ValueError."""

    @abstractmethod
    def undone(self) -> list[tuple[SettingsFile, Edit]]:
        """What takes our entries out again. Raises OSError, ValueError."""

    @abstractmethod
    def is_connected(self) -> bool:
        """Whether our entries are there."""

    def forbidden(self) -> str | None:
        """What forbids hooks, if anything does. Raises ValueError if the user's settings can't be read."""
        return None

    def findings(self) -> Iterator[Finding]:
        """What else can be said about a tool that is connected."""
        yield from ()

    @property
    def program(self) -> str | None:
        """Where it is; None if it isn't installed."""
        return shutil.which(self.name, path=self.environment.get("PATH"))

    @property
    def version(self) -> tuple[int, ...] | None:
        """Its version; None if it doesn't say."""
        if self.program is None:
            return None
        try:
            said = subprocess.run(
                [self.program, "--version"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=VERSION_SECONDS,
                check=False,
                env=dict(self.environment),
            ).stdout
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
            return None
        found = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
        return tuple(map(int, found.groups())) if found else None

    @property
    def spool(self) -> HookSpool:
        return HookSpool(hook_folder(self.environment))

    @property
    def script(self) -> Path:
        """What hooks run."""
        return self.spool.script

    def problem(self) -> str | None:
        """Why it can't be connected, if it can't. Raises ValueError."""
        if self.program is None:
            return "not found on PATH"
        version, expected = self.version, ".".join(map(str, self.min_version))
        if version is None:
            return "its version is unknown"
        if version < self.min_version:
            return f"expected version {expected} or newer; got {'.'.join(map(str, version))}"
        return self.forbidden()

    def planned(self) -> list[tuple[SettingsFile, str]]:
        """The files that connecting changes, and what they will hold. Raises OSError, ValueError."""
        planned = []
        for file, edit in self.edits():
            with _naming(file.path):
                if (text := file.changed(edit)) is not None:
                    planned.append((file, text))
        return planned

    def connect(self, planned: list[tuple[SettingsFile, str]], journal: Journal) -> None:
        """Write the settings as planned. Raises OSError."""
        self.spool.install()
        undone = dict(self.undone())
        for file, text in planned:
            file.write(text, journal, undone[file])

    def disconnect(self, journal: Journal) -> Iterator[tuple[Path, bool]]:
        """Take our entries out; yields each file and whether it had any. Raises OSError, ValueError."""
        for file, edit in self.undone():
            with _naming(file.path):
                yield file.path, file.take_back(edit, journal)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say which file it is that can't be edited."""
    try:
        yield
    except ValueError as failed:
        raise ValueError(f"{path}: {failed}") from None
