"""The tools that the user has connected: `~/.local/state/agentstream/tools`, one name a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentstream.files import replace_file, state_folder

MAX_BYTES = 4_096


@dataclass(frozen=True)
class ConnectedTools:
    """Without the file, every tool is."""

    path: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> ConnectedTools:
        """This user's."""
        return cls(state_folder(environment) / "tools")

    def __contains__(self, tool: str) -> bool:
        try:
            with self.path.open() as file:
                return tool in file.read(MAX_BYTES).split()
        except OSError:
            return True

    def put(self, tools: set[str]) -> None:
        """Exactly these are connected. Raises OSError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self.path, "".join(f"{tool}\n" for tool in sorted(tools)))
