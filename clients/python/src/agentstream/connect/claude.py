"""Claude Code on this machine."""

from __future__ import annotations

from pathlib import Path

from agentstream.collector.claude_registry import claude_home
from agentstream.connect import claude_settings
from agentstream.connect.hook_settings import parse
from agentstream.connect.settings_file import Edit, SettingsFile, json_edit
from agentstream.connect.tool import Tool

MANAGED = (
    Path("/etc/claude-code/managed-settings.json"),
    Path("/Library/Application Support/ClaudeCode/managed-settings.json"),
)


class ClaudeTool(Tool):
    """Its hooks and status line are in `~/.claude/settings.json`."""

    name = "claude"
    min_version = claude_settings.MIN_VERSION

    @property
    def settings(self) -> SettingsFile:
        """The user's settings of the tool."""
        return SettingsFile(claude_home(self.environment) / "settings.json")

    def edits(self) -> list[tuple[SettingsFile, Edit]]:
        edit = json_edit(parse, lambda settings: claude_settings.connected(settings, self.script))
        return [(self.settings, edit)]

    def undone(self) -> list[tuple[SettingsFile, Edit]]:
        return [(self.settings, json_edit(parse, claude_settings.disconnected))]

    def forbidden(self) -> str | None:
        """Which settings forbid hooks, if any do. Raises ValueError if the user's settings can't be read."""
        for path in (self.settings.path, *MANAGED):
            try:
                reason = claude_settings.forbidden(parse(path.read_text()))
            except OSError:
                continue
            except ValueError as failed:
                raise ValueError(f"{path}: {failed}") from None
            if reason:
                return f"hooks are forbidden: {reason} in {path}"
        return None

    def is_connected(self) -> bool:
        try:
            text = self.settings.text()
            return text is not None and claude_settings.is_connected(parse(text))
        except (OSError, ValueError):
            return False
