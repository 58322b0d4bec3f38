"""Changes a settings file of somebody else's, so that the change can be taken back to the byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from agentstream.files import replace_file

Settings = dict[str, Any]
# Makes the new text of a file. Raises ValueError if the old one isn't as expected.
Edit = Callable[[str], str]


@dataclass(frozen=True)
class Change:
    """A change of ours: what the file held `before` (None: there was no file), and the digest of what we wrote."""

    before: str | None
    written: str


@dataclass
class Journal:
    """Our changes by path, in a file of ours."""

    path: Path

    def changes(self) -> dict[str, Change]:
        """Empty if there are none, or if the file is damaged."""
        with suppress(OSError, ValueError, TypeError, AttributeError):
            return {name: Change(**entry) for name, entry in json.loads(self.path.read_text()).items()}
        return {}

    def put(self, path: Path, change: Change | None) -> None:
        """Remember or forget a change. Raises OSError."""
        changes = self.changes()
        changes.pop(str(path), None)
        if change:
            changes[str(path)] = change
        if changes:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self.path, json.dumps({name: asdict(one) for name, one in changes.items()}))
        else:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class SettingsFile:
    """A file of settings."""

    path: Path

    def text(self) -> str | None:
        """What it holds; None if it doesn't exist. Raises OSError, ValueError."""
        try:
            return self.path.read_text()
        except FileNotFoundError:
            return None

    def changed(self, edit: Edit) -> str | None:
        """Its text after an edit; None if that changes nothing. Raises OSError, ValueError."""
        before = self.text() or ""
        after = edit(before)
        return None if after == before else after

    def write(self, text: str, journal: Journal, undo: Edit) -> None:
        """Write a changed text, keeping what is needed to take that back: what was there before our first change or, if
        somebody else has changed the file since, what it is without ours. Raises OSError, ValueError."""
        before = self.text()
        known = journal.changes().get(str(self.path))
        if known and _digest(before) == known.written:
            before = known.before
        elif before is not None:
            before = undo(before)
        journal.put(self.path, Change(before, _digest(text)))
        self._replace(text)

    def take_back(self, undo: Edit, journal: Journal) -> bool:
        """Restore the bytes from before our changes or, if somebody else has changed the file since, undo only ours.

        Returns whether anything changed. Raises OSError, ValueError.
        """
        current = self.text()
        known = journal.changes().get(str(self.path))
        if current is None:
            journal.put(self.path, None)
            return False
        if known and _digest(current) == known.written:
            if known.before is None:
                self.path.unlink()
            else:
                self._replace(known.before)
        elif (text := self.changed(undo)) is not None:
            self._replace(text)
        else:
            journal.put(self.path, None)
            return False
        journal.put(self.path, None)
        return True

    def _replace(self, text: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        path = self.path.resolve()  # it may be a link into somebody's collection of settings
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        replace_file(path, text, mode)


def json_edit(parse: Callable[[str], Settings], change: Callable[[Settings], Settings]) -> Edit:
    """An edit of a JSON file, which stays as it is if its settings do."""

    def edit(text: str) -> str:
        before = parse(text)
        after = change(before)
        return text if after == before else encoded(after, text)

    return edit


def encoded(settings: Mapping[str, Any], before: str) -> str:
    """The settings as text, indented as they were."""
    lines = before.splitlines()
    second = lines[1] if len(lines) > 1 else "  "
    indent: str | int = (
        "\t" if second.startswith("\t") else max(1, len(second) - len(second.lstrip(" "))) if second.strip() else 2
    )
    return json.dumps(settings, indent=indent, ensure_ascii=False) + "\n"


def _digest(text: str | None) -> str:
    return "" if text is None else sha256(text.encode()).hexdigest()
