"""What the collector remembers between runs: `~/.local/state/agentstream/collector.json`.

Nothing is published twice even if the file is lost, as long as reading begins where it did before: see `feed`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from agentstream.collector.process import Process
from agentstream.files import replace_file, state_folder

log = logging.getLogger("agentstream")

MAX_ENTRIES = 5_000


@dataclass(frozen=True)
class Position:
    """Where reading a file began (byte `start`) and which of its segments is being published. `generation` counts how
    often the file was emptied and written anew."""

    inode: int
    start: int
    segment: int
    generation: int = 0


@dataclass(frozen=True)
class Seat:
    """The process that last had an agent's key, the session it last reported, and whether its end was reported."""

    process: Process
    cwd: str
    session: str = ""
    ended: bool = False


@dataclass
class Positions:
    """Positions by path, and seats by agent key; the least recently changed are forgotten. The collector first ran here
    at `since`, in seconds since 1970."""

    path: Path
    since: float = field(default_factory=time.time)
    files: dict[str, Position] = field(default_factory=dict)
    seats: dict[str, Seat] = field(default_factory=dict)
    _unsaved: bool = False
    _failing: bool = False

    @classmethod
    def load(cls, path: Path) -> Positions:
        """From the file; empty if there is none, or if it is damaged."""
        with suppress(OSError, ValueError, TypeError, AttributeError, KeyError):
            found = json.loads(path.read_text())
            files = {name: Position(**entry) for name, entry in found["files"].items()}
            seats = {name: Seat(Process(**entry.pop("process")), **entry) for name, entry in found["seats"].items()}
            return cls(path, float(found.get("since", 0.0)), files, seats)
        return cls(path)

    def put_file(self, path: Path, position: Position) -> None:
        """Remember the position of a file."""
        if self.files.get(str(path)) != position:
            _put(self.files, str(path), position)
            self._unsaved = True
        self._save()

    def put_seat(self, key: str, seat: Seat) -> None:
        """Remember who has an agent's key."""
        if self.seats.get(key) != seat:
            _put(self.seats, key, seat)
            self._unsaved = True
        self._save()

    def _save(self) -> None:
        """Write the file if something has changed; if it can't be written, the next call tries again."""
        if not self._unsaved:
            return
        kept = {"since": self.since, "files": _plain(self.files), "seats": _plain(self.seats)}
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self.path, json.dumps(kept))
        except OSError as failed:
            if not self._failing:
                log.warning("%s; the collector goes on, and tries again", failed)
            self._failing = True
        else:
            self._unsaved = self._failing = False


def state_path(environment: Mapping[str, str]) -> Path:
    """The file."""
    return state_folder(environment) / "collector.json"


def _put(entries: dict[str, Any], name: str, entry: object) -> None:
    entries.pop(name, None)
    entries[name] = entry
    while len(entries) > MAX_ENTRIES:
        del entries[next(iter(entries))]


def _plain(entries: Mapping[str, Any]) -> dict[str, Any]:
    return {name: asdict(entry) for name, entry in entries.items()}
