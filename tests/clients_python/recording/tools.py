"""The tools, each configured to talk only to the scripted model."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

HERE = Path("/tmp/agentstream-recording")
HOME = HERE / "home"
WORK = HERE / "work"
DOCS = Path(__file__).with_name("docs.py")


class Tool(Protocol):
    """`name` is that of the adapter too."""

    @property
    def name(self) -> str: ...

    def command(self, arguments: Sequence[str]) -> list[str]: ...

    def set_up(self, model: str) -> Mapping[str, str]:
        """Write its settings for the model at that URL; returns variables for its environment."""
        ...


@dataclass(frozen=True)
class Claude:
    name: str = "claude"

    def command(self, arguments: Sequence[str]) -> list[str]:
        every = ("-p", "--output-format", "stream-json", "--verbose", "--model", "claude-sonnet-4-5")
        return ["claude", *every, *arguments]

    def set_up(self, model: str) -> Mapping[str, str]:
        return {
            "ANTHROPIC_BASE_URL": model,
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "2",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
        }


def codex_settings(model: str, work: Path) -> str:
    """Codex's `config.toml` for a terminal: the scripted model, a trusted folder, no questions about anything else."""
    return f"""
model = "gpt-5.5"
model_provider = "scripted"
check_for_update_on_startup = false
approval_policy = "on-request"
sandbox_mode = "workspace-write"

[analytics]
enabled = false

[tui.model_availability_nux]
"gpt-6.1-sol" = 1

[notice.model_migrations]
"gpt-5.5" = "gpt-6-sol"

[model_providers.scripted]
name = "scripted"
base_url = "{model}/v1"
wire_api = "responses"
env_key = "SCRIPTED_KEY"
request_max_retries = 1
stream_max_retries = 1

[projects."{work}"]
trust_level = "trusted"
"""


@dataclass(frozen=True)
class Codex:
    name: str = "codex"

    def command(self, arguments: Sequence[str]) -> list[str]:
        every = ("--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
        return ["codex", "exec", *every, *arguments]

    def set_up(self, model: str) -> Mapping[str, str]:
        folder = HOME / ".codex"
        folder.mkdir()
        (folder / "config.toml").write_text(f"""
model = "gpt-5.5"
model_provider = "scripted"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.scripted]
name = "scripted"
base_url = "{model}/v1"
wire_api = "responses"
env_key = "SCRIPTED_KEY"
request_max_retries = 1
stream_max_retries = 2
[mcp_servers.docs]
command = "{sys.executable}"
args = ["{DOCS}"]
""")
        return {"SCRIPTED_KEY": "none"}


@dataclass(frozen=True)
class OpenCode:
    name: str = "opencode"

    def command(self, arguments: Sequence[str]) -> list[str]:
        return ["opencode", "run", "--format", "json", *arguments]

    def set_up(self, model: str) -> Mapping[str, str]:
        settings = {
            "provider": {"anthropic": {"options": {"baseURL": f"{model}/v1", "apiKey": "none"}}},
            "model": "anthropic/claude-sonnet-4-5",
            "autoupdate": False,
            "share": "disabled",
            "permission": "allow",
        }
        folder = HOME / ".config/opencode"
        folder.mkdir(parents=True)
        (folder / "opencode.json").write_text(json.dumps(settings))
        names = ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS")
        return {f"OPENCODE_DISABLE_{name}": "1" for name in names}


CLAUDE, CODEX, OPENCODE = Claude(), Codex(), OpenCode()
