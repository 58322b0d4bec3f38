"""Where the user's files of Agentstream are, and how a file is replaced as a whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def config_folder(environment: Mapping[str, str]) -> Path:
    """For what the user configures: below XDG_CONFIG_HOME or ~/.config."""
    return Path(environment.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "agentstream"


def state_folder(environment: Mapping[str, str]) -> Path:
    """For what programs remember: below XDG_STATE_HOME or ~/.local/state."""
    return Path(environment.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "agentstream"


def replace_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file as a whole or not at all; until then nobody else can read it. Raises OSError."""
    # mkstemp creates the file with mode 0600, so a secret is never in a file that others can open.
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with open(descriptor, "w") as file:
            file.write(text)
        Path(draft).chmod(mode)
        os.replace(draft, path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(draft).unlink()
        raise
