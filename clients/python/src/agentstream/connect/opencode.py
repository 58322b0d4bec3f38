"""opencode on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from agentstream.connect.settings_file import Edit, Journal, SettingsFile
from agentstream.connect.tool import Tool


class OpencodeTool(Tool):
    """It loads every file in its folder of plugins; one of them is ours."""

    name = "opencode"
    min_version = (1, 18, 0)

    @property
    def plugin(self) -> SettingsFile:
        """Our file."""
        home = Path(self.environment.get("HOME") or "~").expanduser()
        folder = Path(self.environment.get("XDG_CONFIG_HOME") or home / ".config")
        return SettingsFile(folder / "opencode" / "plugin" / "agentstream.js")

    def edits(self) -> list[tuple[SettingsFile, Edit]]:
        return [(self.plugin, lambda _: self._text())]

    def undone(self) -> list[tuple[SettingsFile, Edit]]:
        return [(self.plugin, lambda _: "")]

    def is_connected(self) -> bool:
        try:
            return self.plugin.text() == self._text()
        except (OSError, ValueError):
            return False

    def disconnect(self, journal: Journal) -> Iterator[tuple[Path, bool]]:
        yield from super().disconnect(journal)
        if self.plugin.text() == "":  # somebody had changed it
            self.plugin.path.unlink()
        with suppress(OSError):  # other plugins are in it
            self.plugin.path.parent.rmdir()

    def _text(self) -> str:
        folder = json.dumps(str(self.spool.folder / "opencode"))
        return files("agentstream.collector").joinpath("opencode.js").read_text().replace('"{folder}"', folder)
