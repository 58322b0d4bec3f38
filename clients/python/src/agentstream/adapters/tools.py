"""The structured fields of a tool call: its kind, its input, the changes it makes."""

from __future__ import annotations

from typing import Any

from agentstream import text
from agentstream.adapters.bounds import readable
from agentstream.adapters.diffs import changes
from agentstream.messages import FileChange, ToolKind, encode

# Bytes for these fields beside an event's content, well within the server's limit.
MAX_BYTES = 100 * 1024

_KINDS: dict[str, ToolKind] = {
    "read": "read",
    "notebookread": "read",
    "view_image": "read",
    "ls": "read",
    "list": "read",
    "edit": "edit",
    "multiedit": "edit",
    "write": "edit",
    "notebookedit": "edit",
    "patch": "edit",
    "apply_patch": "edit",
    "file_change": "edit",
    "grep": "search",
    "glob": "search",
    "websearch": "search",
    "web_search": "search",
    "toolsearch": "search",
    "bash": "execute",
    "command": "execute",
    "bashoutput": "execute",
    "exec_command": "execute",
    "local_shell": "execute",
    "shell": "execute",
    "shell_command": "execute",
    "write_stdin": "execute",
    "killshell": "execute",
    "webfetch": "fetch",
    "fetch": "fetch",
    "todowrite": "think",
    "todoread": "think",
    "update_plan": "think",
}


def kind_of(tool: str | None) -> ToolKind:
    """The kind of a tool with that name."""
    return _KINDS.get((tool or "").lower(), "other")


def beside(tool: str | None, input_: object) -> dict[str, Any]:
    """The fields of an `Output` for a call, without those that are too large; the content shows those."""
    fields: dict[str, Any] = {"tool_kind": kind_of(tool)}
    if not isinstance(input_, dict):
        return fields
    room = MAX_BYTES
    shown = readable(input_)
    if (size := text.size(encode(shown))) <= room:
        fields["tool_input"] = shown
        room -= size
    found = changes(tool or "", input_)
    if found and text.size(encode(found)) <= room:
        fields["changes"] = tuple(FileChange(change["path"], change["patch"]) for change in found)
    return fields
