"""Our entries in Claude Code's settings: hooks, and a status line around the user's own."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

Settings = dict[str, Any]

# The first version with a registry of its processes, without which nobody knows what a session does.
MIN_VERSION = (2, 1, 139)
# How the script for the hooks is called.
NOTED = (
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "Stop",
    "StopFailure",
)
ASKED = ("PermissionRequest",)
# Claude Code stops a hook that waits for longer; the dialog in the terminal stays open.
ASK_SECONDS = 24 * 60 * 60
# A hook must not disturb the agent, even when its script is gone.
_QUIETLY = "2>/dev/null || true"
_OURS = "/agentstream/hooks/hook.sh"


def parse(text: str, path: Path) -> Settings:
    """The settings in a file's text. Raises ValueError that says what was expected."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError) as failed:
        raise ValueError(f"{path}: expected JSON; got {failed}") from None
    settings: Settings = found if isinstance(found, dict) else {"hooks": None}
    hooks = settings.get("hooks", {})
    if not isinstance(hooks, dict) or not all(isinstance(groups, list) for groups in hooks.values()):
        raise ValueError(f"{path}: expected an object whose hooks are lists")
    return settings


def connected(settings: Settings, script: Path) -> Settings:
    """The settings with our entries, in place of any that we made before."""
    found = disconnected(settings)
    hooks = found.setdefault("hooks", {})
    for event in (*NOTED, *ASKED):
        hooks.setdefault(event, []).append({"hooks": [_hook(event, script)]})
    line: Any = found.get("statusLine")
    theirs: Settings = line if isinstance(line, dict) and isinstance(line.get("command"), str) else {}
    command = f"{shlex.quote(str(script))} status"
    if theirs:
        command += f" {shlex.quote(theirs['command'])}"
    found["statusLine"] = {**theirs, "type": "command", "command": command}
    return found


def disconnected(settings: Settings) -> Settings:
    """The settings without our entries."""
    found = deepcopy(settings)
    hooks = found.get("hooks", {})
    for event in list(hooks):
        hooks[event] = [*_without_ours(hooks[event])]
        if not hooks[event]:
            del hooks[event]
    if not hooks:
        found.pop("hooks", None)
    match found.get("statusLine"):
        case {"command": str(command)} if _OURS in command:
            words = shlex.split(command)
            if len(words) > 2:
                found["statusLine"]["command"] = words[2]
            else:
                del found["statusLine"]
    return found


def is_connected(settings: Settings) -> bool:
    """Whether all of our hooks are there."""
    return all(
        any(_is_ours(hook) for group in settings.get("hooks", {}).get(event, []) for hook in _hooks(group))
        for event in (*NOTED, *ASKED)
    )


def forbidden(settings: Settings) -> str | None:
    """Why the settings don't let our hooks run, if they don't."""
    for name in ("disableAllHooks", "allowManagedHooksOnly"):
        if settings.get(name) is True:
            return f"{name} is set"
    return None


def _hook(event: str, script: Path) -> Settings:
    command = f"{shlex.quote(str(script))} {'ask' if event in ASKED else 'note'} {_QUIETLY}"
    hook: Settings = {"type": "command", "command": command}
    return hook | {"timeout": ASK_SECONDS} if event in ASKED else hook


def _without_ours(groups: list[Any]) -> Iterator[Any]:
    """The groups of an event; those that held nothing but our hooks are gone."""
    group: Any
    for group in groups:
        kept = [hook for hook in _hooks(group) if not _is_ours(hook)]
        if kept or not _hooks(group):
            yield group if len(kept) == len(_hooks(group)) else {**group, "hooks": kept}


def _hooks(group: Any) -> list[Any]:
    match group:
        case {"hooks": [*hooks]}:
            return hooks
        case _:
            return []


def _is_ours(hook: Any) -> bool:
    match hook:
        case {"command": str(command)}:
            return _OURS in command
        case _:
            return False
