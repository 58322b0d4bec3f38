"""Codex on this machine."""

from __future__ import annotations

from collections.abc import Iterator

from agentstream.collector.codex_files import codex_home
from agentstream.connect import codex_trust
from agentstream.connect.hook_settings import ask, has_hooks, note, our_hooks, parse, with_hooks, without_hooks
from agentstream.connect.settings_file import Edit, Settings, SettingsFile, json_edit
from agentstream.connect.tool import Finding, Tool

# Versions that don't know one of these leave it out.
NOTED = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "Interrupt")
PERMISSION = "PermissionRequest"
# For so long Codex shows no dialog in its terminal if people may answer on the page.
ASK_SECONDS = 10 * 60


class CodexTool(Tool):
    """Its hooks are in `~/.codex/hooks.json`, and its trust in them in `~/.codex/config.toml`."""

    name = "codex"
    min_version = (0, 128, 0)

    @property
    def hooks(self) -> SettingsFile:
        return SettingsFile(codex_home(self.environment) / "hooks.json")

    @property
    def config(self) -> SettingsFile:
        return SettingsFile(codex_home(self.environment) / "config.toml")

    def edits(self) -> list[tuple[SettingsFile, Edit]]:
        edit = json_edit(parse, lambda settings: with_hooks(settings, self._ours()))
        return [(self.hooks, edit), (self.config, lambda text: codex_trust.trust(self._records(edit))(text))]

    def undone(self) -> list[tuple[SettingsFile, Edit]]:
        ours = [*self._ours(False).items(), *self._ours(True).items()]
        digests = {codex_trust.digest(event, hook) for event, hook in ours}
        distrust = codex_trust.distrust(self.hooks.path, digests)
        return [(self.hooks, json_edit(parse, without_hooks)), (self.config, distrust)]

    def forbidden(self) -> str | None:
        config = codex_trust.parsed(self.config.text() or "")
        match config:
            case {"features": {"hooks": False}}:
                return f"hooks are forbidden: features.hooks is false in {self.config.path}"
            case _:
                return None

    def is_connected(self) -> bool:
        try:
            return has_hooks(parse(self.hooks.text() or ""), self._ours())
        except (OSError, ValueError):
            return False

    def findings(self) -> Iterator[Finding]:
        """Whether Codex trusts our hooks, and where permissions are answered."""
        try:
            missing = self._records(lambda text: text).items() - codex_trust.trusted(self.config.text() or "").items()
            told = f"{len(missing)} not trusted: choose “Trust all” when Codex asks" if missing else "trusted"
            yield Finding("codex trust", not missing, told)
            asking = any("timeout" in hook for *_, hook in our_hooks(parse(self.hooks.text() or "")))
            yield Finding("codex permissions", True, "answered on the page" if asking else "answered in the terminal")
        except (OSError, ValueError) as failed:
            yield Finding("codex trust", False, str(failed))

    def _ours(self, answer: bool | None = None) -> dict[str, Settings]:
        asks = self.answer if answer is None else answer
        permission = ask(self.script, ASK_SECONDS) if asks else note(self.script)
        return {**{event: note(self.script) for event in NOTED}, PERMISSION: permission}

    def _records(self, edit: Edit) -> codex_trust.Records:
        """The trust that our hooks need once their file has been edited. Raises OSError, ValueError."""
        settings = parse(edit(self.hooks.text() or ""))
        return {
            codex_trust.key(self.hooks.path, event, group, number): codex_trust.digest(event, hook)
            for event, group, number, hook in our_hooks(settings)
        }
