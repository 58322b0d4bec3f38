"""Our entries in Claude Code's settings: hooks, and a status line around the user's own."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from agentstream.connect.hook_settings import OURS, ask, has_hooks, note, with_hooks, without_hooks
from agentstream.connect.settings_file import Settings

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


def connected(settings: Settings, script: Path) -> Settings:
    """The settings with our entries, in place of any that we made before."""
    found = with_hooks(disconnected(settings), {event: _hook(event, script) for event in (*NOTED, *ASKED)})
    line: Any = found.get("statusLine")
    theirs: Settings = line if isinstance(line, dict) and isinstance(line.get("command"), str) else {}
    command = f"{shlex.quote(str(script))} status"
    if theirs:
        command += f" {shlex.quote(theirs['command'])}"
    found["statusLine"] = {**theirs, "type": "command", "command": command}
    return found


def disconnected(settings: Settings) -> Settings:
    """The settings without our entries."""
    found = without_hooks(settings)
    match found.get("statusLine"):
        case {"command": str(command)} if OURS in command:
            words = shlex.split(command)
            if len(words) > 2:
                found["statusLine"]["command"] = words[2]
            else:
                del found["statusLine"]
    return found


def is_connected(settings: Settings) -> bool:
    """Whether all of our hooks are there."""
    return has_hooks(settings, (*NOTED, *ASKED))


def forbidden(settings: Settings) -> str | None:
    """Why the settings don't let our hooks run, if they don't."""
    for name in ("disableAllHooks", "allowManagedHooksOnly"):
        if settings.get(name) is True:
            return f"{name} is set"
    return None


def _hook(event: str, script: Path) -> Settings:
    return ask(script, ASK_SECONDS) if event in ASKED else note(script)
