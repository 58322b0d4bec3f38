"""Unified diffs of the changes that a tool call makes, built from its input alone: files aren't read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Any

from agentstream.adapters import patches
from agentstream.adapters.bounds import plain

# Above this many lines the diff replaces everything: finding common lines takes quadratic time.
MAX_COMPARED_LINES = 1_000
MAX_PATH = 4_096

Change = dict[str, str]


def changes(tool: str, input_: Mapping[str, Any]) -> list[Change]:
    """The call's changes, one patch per file; none if the input doesn't contain them or isn't recognized.

    Line numbers are relative to the given text, because the rest of the file is unknown.
    """
    match tool.lower(), dict(input_):
        case "edit", {"file_path": str(path), "old_string": str(old), "new_string": str(new)}:
            return patched(path, (old, new))
        case "edit", {"filePath": str(path), "oldString": str(old), "newString": str(new)}:
            return patched(path, (old, new))
        case "multiedit", {"file_path": str(path), "edits": [*edits]}:
            return patched(path, *_pairs(edits))
        case "write", {"file_path": str(path), "content": str(content)}:
            return patched(path, ("", content))
        case "write", {"filePath": str(path), "content": str(content)}:
            return patched(path, ("", content))
        case "notebookedit", {"notebook_path": str(path), "new_source": str(source)}:
            return patched(path, ("", source))
        case "apply_patch", {"input": str(patch)}:
            return [{"path": plain(path), "patch": plain(diff)} for path, diff in patches.diffs(patch) if _fits(path)]
        case _:
            return []


def patched(path: str, *pairs: tuple[str, str]) -> list[Change]:
    """One file's patch, from the text before and after each edit."""
    hunks = [line for old, new in pairs for line in _hunks(old, new)]
    if not hunks or not _fits(path):
        return []
    patch = "\n".join([f"--- {path}", f"+++ {path}", *hunks]) + "\n"
    return [{"path": plain(path), "patch": plain(patch)}]


def _fits(path: str) -> bool:
    # A path with line breaks would look like part of the patch.
    return 0 < len(path) <= MAX_PATH and "\n" not in path


def _pairs(edits: list[Any]) -> Iterator[tuple[str, str]]:
    for edit in edits:
        match edit:
            case {"old_string": str(old), "new_string": str(new)}:
                yield old, new


def _hunks(old: str, new: str) -> list[str]:
    before, after = _lines(old), _lines(new)
    if max(len(before), len(after)) <= MAX_COMPARED_LINES:
        return list(unified_diff(before, after, lineterm=""))[2:]
    if before == after:
        return []
    head = f"@@ -{_span(before)} +{_span(after)} @@"
    return [head, *(f"-{line}" for line in before), *(f"+{line}" for line in after)]


def _span(lines: list[str]) -> str:
    return f"{min(1, len(lines))},{len(lines)}"


def _lines(text: str) -> list[str]:
    # Not splitlines(): in a patch only "\n" ends a line.
    return text.removesuffix("\n").split("\n") if text else []
