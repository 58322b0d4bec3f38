"""How an agent that somebody else starts is called: one for each tool, machine and folder."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

MAX_KEY = 200
MAX_NAME = 80


def agent_key(tool: str, host: str, folder: str, number: int) -> str:
    """The key of the agent with that number among those of the tool in the folder."""
    key = f"{tool}:{host}:{folder}#{number}"
    if len(key) <= MAX_KEY:
        return key
    return f"{tool}:{host[:60]}:{sha256(folder.encode()).hexdigest()[:40]}#{number}"


def agent_name(described: Mapping[str, str], number: int) -> str:
    """Like ``site@main #2``."""
    folder = described.get("repo") or described["cwd"].rstrip("/").rpartition("/")[2] or "/"
    branch = described.get("branch")
    name = f"{folder}@{branch}" if branch else folder
    return name[:MAX_NAME] + (f" #{number}" if number > 1 else "")
