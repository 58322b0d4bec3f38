"""Our hooks in a tool's settings: by event, lists of groups, each with a list of hooks."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from agentstream.connect.settings_file import Settings

# What our commands have in common.
OURS = "/agentstream/hooks/hook.sh"
# A hook must not disturb the agent, even when its script is gone.
_QUIETLY = "2>/dev/null || true"


def note(script: Path) -> Settings:
    """A hook that stores its event."""
    return {"type": "command", "command": f"{shlex.quote(str(script))} note {_QUIETLY}"}


def ask(script: Path, seconds: int) -> Settings:
    """A hook that waits for a person's answer for so long."""
    return {"type": "command", "command": f"{shlex.quote(str(script))} ask {_QUIETLY}", "timeout": seconds}


def parse(text: str) -> Settings:
    """The settings in a file's text. Raises ValueError that says what was expected."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError) as failed:
        raise ValueError(f"expected JSON; got {failed}") from None
    settings: Settings = found if isinstance(found, dict) else {"hooks": None}
    hooks = settings.get("hooks", {})
    if not isinstance(hooks, dict) or not all(isinstance(groups, list) for groups in hooks.values()):
        raise ValueError("expected an object whose hooks are lists")
    return settings


def with_hooks(settings: Settings, ours: Mapping[str, Settings]) -> Settings:
    """The settings with our hooks, in place of any that we made before."""
    found = without_hooks(settings)
    hooks = found.setdefault("hooks", {})
    for event, hook in ours.items():
        hooks.setdefault(event, []).append({"hooks": [hook]})
    return found


def without_hooks(settings: Settings) -> Settings:
    """The settings without our hooks."""
    found = deepcopy(settings)
    hooks = found.get("hooks", {})
    for event in list(hooks):
        hooks[event] = [*_without_ours(hooks[event])]
        if not hooks[event]:
            del hooks[event]
    if not hooks:
        found.pop("hooks", None)
    return found


def our_hooks(settings: Settings) -> Iterator[tuple[str, int, int, Settings]]:
    """Our hooks, each after its event, the number of its group, and its own in that."""
    for event, groups in settings.get("hooks", {}).items():
        for group_number, group in enumerate(groups):
            for number, hook in enumerate(_hooks(group)):
                if _is_ours(hook):
                    yield event, group_number, number, hook


def has_hooks(settings: Settings, events: Collection[str]) -> bool:
    """Whether there is one of ours for each event."""
    return set(events) <= {event for event, *_ in our_hooks(settings)}


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
            return OURS in command
        case _:
            return False
