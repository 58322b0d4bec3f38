"""The tools whose interactive agents are reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentstream.collector.claude_registry import claude_home
from agentstream.collector.claude_source import ClaudeSource
from agentstream.collector.codex_files import codex_home
from agentstream.collector.codex_source import CodexSource
from agentstream.collector.hooks import hook_folder
from agentstream.collector.opencode_source import OpencodeSource
from agentstream.collector.source import Source


def sources(environment: Mapping[str, str]) -> list[Source[Any]]:
    """One of each tool."""
    return [
        ClaudeSource(claude_home(environment)),
        CodexSource(codex_home(environment)),
        OpencodeSource(hook_folder(environment) / "opencode"),
    ]
