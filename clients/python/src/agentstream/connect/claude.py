"""Claude Code on this machine: whether it is there, which version, and our entries in its settings."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentstream.collector.claude_registry import claude_home
from agentstream.collector.hooks import HookSpool, hook_folder
from agentstream.connect import claude_settings
from agentstream.connect.settings_file import Journal, SettingsFile

VERSION_SECONDS = 20.0
MANAGED = (
    Path("/etc/claude-code/managed-settings.json"),
    Path("/Library/Application Support/ClaudeCode/managed-settings.json"),
)


@dataclass(frozen=True)
class ClaudeTool:
    """The tool as `connect` and `doctor` see it."""

    environment: Mapping[str, str]
    name: str = "claude"

    @property
    def program(self) -> str | None:
        """Where it is; None if it isn't installed."""
        return shutil.which("claude", path=self.environment.get("PATH"))

    @property
    def version(self) -> tuple[int, ...] | None:
        """Its version; None if it doesn't say."""
        if self.program is None:
            return None
        try:
            said = subprocess.run(
                [self.program, "--version"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=VERSION_SECONDS,
                check=False,
                env=dict(self.environment),
            ).stdout
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
            return None
        found = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
        return tuple(map(int, found.groups())) if found else None

    @property
    def settings(self) -> SettingsFile:
        """The user's settings of the tool."""
        return SettingsFile(claude_home(self.environment) / "settings.json", claude_settings.parse)

    @property
    def spool(self) -> HookSpool:
        return HookSpool(hook_folder(self.environment))

    def problem(self) -> str | None:
        """Why it can't be connected, if it can't."""
        if self.program is None:
            return "not found on PATH"
        version, expected = self.version, ".".join(map(str, claude_settings.MIN_VERSION))
        if version is None:
            return "its version is unknown"
        if version < claude_settings.MIN_VERSION:
            return f"expected version {expected} or newer; got {'.'.join(map(str, version))}"
        return self.forbidden()

    def forbidden(self) -> str | None:
        """Which settings forbid hooks, if any do. Raises ValueError if the user's settings can't be read."""
        for path in (self.settings.path, *MANAGED):
            try:
                reason = claude_settings.forbidden(claude_settings.parse(path.read_text(), path))
            except OSError:
                continue
            if reason:
                return f"hooks are forbidden: {reason} in {path}"
        return None

    def planned(self) -> str | None:
        """What the settings will hold; None if they hold it already. Raises OSError, ValueError."""
        script = self.spool.folder / "hook.sh"
        return self.settings.changed(lambda settings: claude_settings.connected(settings, script))

    def connect(self, text: str, journal: Journal) -> None:
        """Write the settings as planned. Raises OSError."""
        self.spool.install()
        self.settings.write(text, journal)

    def disconnect(self, journal: Journal) -> bool:
        """Take our entries out; returns whether there were any. Raises OSError, ValueError."""
        return self.settings.take_back(claude_settings.disconnected, journal)

    def is_connected(self) -> bool:
        """Whether our entries are there."""
        try:
            text = self.settings.text()
            return text is not None and claude_settings.is_connected(claude_settings.parse(text, self.settings.path))
        except (OSError, ValueError):
            return False
