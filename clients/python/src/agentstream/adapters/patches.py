"""Reads the patches that Codex's models write (`*** Begin Patch`), as unified diffs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

_ADD, _UPDATE, _MOVE = "*** Add File: ", "*** Update File: ", "*** Move to: "


@dataclass
class _File:
    """What a patch does to one file; a hunk is its lines, each with its mark."""

    old: str
    new: str
    hunks: list[list[str]] = field(default_factory=lambda: [[]])

    def diff(self) -> str:
        """The diff, with line numbers relative to each hunk; empty if nothing changes."""
        shown = [line for hunk in self.hunks if hunk for line in (_head(hunk), *hunk)]
        return "\n".join([f"--- {self.old}", f"+++ {self.new}", *shown, ""]) if shown else ""


def diffs(patch: str) -> Iterator[tuple[str, str]]:
    """The path and the unified diff of each file that the patch adds or updates.

    Files that it deletes are left out: the patch doesn't have their content.
    """
    for file in _files(patch):
        if diff := file.diff():
            yield file.new, diff


def _files(patch: str) -> Iterator[_File]:
    file: _File | None = None
    for line in patch.split("\n"):
        if line.startswith(_MOVE) and file is not None:
            file.new = line.removeprefix(_MOVE)
        elif line.startswith("*** "):
            if file is not None and line != "*** End of File":
                yield file
                file = None
            if line.startswith((_ADD, _UPDATE)):
                path = line.removeprefix(_ADD).removeprefix(_UPDATE)
                file = _File(path, path)
        elif file is not None:
            _add(file, line)
    if file is not None:
        yield file


def _add(file: _File, line: str) -> None:
    if line.startswith("@@"):
        file.hunks.append([])
    elif line.startswith((" ", "+", "-")):
        file.hunks[-1].append(line)
    elif not line and file.hunks[-1]:
        # Models leave out the space of an empty line.
        file.hunks[-1].append(" ")


def _head(hunk: list[str]) -> str:
    old = sum(not line.startswith("+") for line in hunk)
    new = sum(not line.startswith("-") for line in hunk)
    return f"@@ -{min(1, old)},{old} +{min(1, new)},{new} @@"
