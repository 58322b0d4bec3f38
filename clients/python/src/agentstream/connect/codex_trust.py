"""Codex's trust in hooks: it runs those whose digest is recorded in `~/.codex/config.toml`, and asks about others."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from agentstream.connect.settings_file import Edit, Settings

# The time that Codex gives to a hook that doesn't say, and to those of some events.
DEFAULT_SECONDS = 600
SHORT = {"Interrupt": 1, "SessionEnd": 1}

# By the key of a hook, the digest that is trusted.
Records = Mapping[str, str]


def key(file: Path, event: str, group: int, number: int) -> str:
    """What Codex calls a hook: where in which file it is."""
    return f"{file}:{_snake(event)}:{group}:{number}"


def digest(event: str, hook: Settings) -> str:
    """The digest of a hook for all tools (without a matcher)."""
    whole = {"type": "command", "timeout": SHORT.get(event, DEFAULT_SECONDS), "async": False, **hook}
    text = json.dumps(
        {"event_name": _snake(event), "hooks": [whole]}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def trusted(text: str) -> Records:
    """The records in a configuration's text. Raises ValueError if it isn't TOML."""
    match parsed(text):
        case {"hooks": {"state": {**states}}}:
            return {
                str(name): str(state.get("trusted_hash")) for name, state in states.items() if isinstance(state, dict)
            }
        case _:
            return {}


def trust(records: Records) -> Edit:
    """Records these, in place of others of the same hooks."""

    def edit(text: str) -> str:
        known = trusted(text)
        missing = {name: value for name, value in records.items() if known.get(name) != value}
        kept = _without(text, set(missing))
        if kept and not kept.endswith("\n"):
            kept += "\n"
        after = kept + "".join(map(_table, missing.items()))
        if not missing.items() <= trusted(after).items():
            raise ValueError("the trust in our hooks can't be added to it; trust them when Codex asks")
        return after

    return edit


def distrust(file: Path, digests: set[str]) -> Edit:
    """Takes out the records of hooks in a file that have one of these digests."""

    def edit(text: str) -> str:
        found = {name for name, value in trusted(text).items() if name.startswith(f"{file}:") and value in digests}
        return _without(text, found)

    return edit


def _without(text: str, names: set[str]) -> str:
    """Without the tables of these records, and the empty line before each."""
    heads = {_head(name) for name in names}
    kept: list[str] = []
    dropping = False
    for line in text.splitlines(keepends=True):
        if line.startswith("["):
            dropping = line.strip() in heads
            if dropping and kept and not kept[-1].strip():
                kept.pop()
        if not dropping or not line.strip():
            kept.append(line)
    return "".join(kept)


def _table(record: tuple[str, str]) -> str:
    name, value = record
    return f"\n{_head(name)}\ntrusted_hash = {_quoted(value)}\n"


def _head(name: str) -> str:
    return f"[hooks.state.{_quoted(name)}]"


def _quoted(text: str) -> str:
    """As a string of TOML, which has JSON's escapes."""
    return json.dumps(text, ensure_ascii=False)


def _snake(event: str) -> str:
    return re.sub(r"(?<=.)(?=[A-Z])", "_", event).lower()


def parsed(text: str) -> dict[str, Any]:
    """A configuration. Raises ValueError if it isn't TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as failed:
        raise ValueError(f"expected TOML; got {failed}") from None
