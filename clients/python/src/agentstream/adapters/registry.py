"""Selects the adapter for a command."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import PurePath

from agentstream import __version__
from agentstream.adapters import Adapter
from agentstream.adapters.acp_client import AcpClient
from agentstream.adapters.claude import Claude
from agentstream.adapters.codex import Codex
from agentstream.adapters.json_lines import JsonLinesAdapter
from agentstream.adapters.opencode import OpenCode
from agentstream.adapters.text import TextAdapter

AUTO = "auto"

# Wrappers that precede a command, and the programs contained in packages.
_WRAPPERS = {"env", "npx", "bunx", "nice", "nohup", "time", "stdbuf", "timeout"}
_CLAUDE_RESUMES = ("--resume", "-r", "--continue", "-c")
_OPENCODE_RESUMES = ("--session", "-s", "--continue", "-c")
# Programs that speak nothing but the Agent Client Protocol.
_ACP_AGENTS = {"claude-agent-acp", "claude-code-acp", "codex-acp"}
_PACKAGES = {"claude-code": "claude", "opencode-ai": "opencode", "gemini-cli": "gemini"}


def select_adapter(name: str, command: Sequence[str], run: str) -> Adapter:
    """The adapter called `name`; with "auto", the one for the format that `command` is set to print.

    `run` must be unique to this run of the command. Raises ValueError for an unknown name.
    """
    made = ADAPTERS.get(_recognized(command) if name == AUTO else name)
    if made is None:
        raise ValueError(f"adapter: expected one of {', '.join(NAMES)}; got {name!r}")
    return made(run, command)


def _claude(run: str, command: Sequence[str]) -> Adapter:
    claude = Claude(run, _has(command, "--input-format", "stream-json"), _resumes(command, *_CLAUDE_RESUMES))
    return JsonLinesAdapter(run, claude, claude.requests)


def _acp(run: str, command: Sequence[str]) -> Adapter:
    # The folder is the command's, too.
    client = AcpClient(run, os.getcwd(), __version__)
    return JsonLinesAdapter(run, client, client.requests, client)


ADAPTERS: dict[str, Callable[[str, Sequence[str]], Adapter]] = {
    "text": lambda run, command: TextAdapter(run),
    "claude": _claude,
    "codex": lambda run, command: JsonLinesAdapter(run, Codex(run, _resumes(command, "resume"))),
    "opencode": lambda run, command: JsonLinesAdapter(run, OpenCode(run, _resumes(command, *_OPENCODE_RESUMES))),
    "acp": _acp,
}
NAMES = (AUTO, *ADAPTERS)
# The programs that have an adapter.
TOOLS = ADAPTERS.keys() - {"text", "acp"}


def _recognized(command: Sequence[str]) -> str:
    match program(command):
        case "claude" if _has(command, "--output-format", "stream-json"):
            return "claude"
        case "codex" if "exec" in command and "--json" in command:
            return "codex"
        case "gemini" | "copilot" if not {"--acp", "--experimental-acp"}.isdisjoint(command):
            return "acp"
        case "opencode" if "acp" in command:
            return "acp"
        case name if name in _ACP_AGENTS:
            return "acp"
        case "opencode" if "run" in command and _has(command, "--format", "json"):
            return "opencode"
        case _:
            return "text"


def program(command: Sequence[str]) -> str:
    """The base name of the program that a command line runs, skipping `env`, `npx` and similar wrappers."""
    words = (word for word in command if not word.startswith("-") and "=" not in word and not word[:1].isdigit())
    names = (PurePath(word).name for word in words)
    plain = (name.split("@")[0] if not name.startswith("@") else name for name in names)
    name = next((name for name in plain if name not in _WRAPPERS), "")
    return _PACKAGES.get(name, name)


def _resumes(command: Sequence[str], *words: str) -> bool:
    """Whether one of these words in the command resumes an earlier session."""
    return not {word.partition("=")[0] for word in command}.isdisjoint(words)


def _has(command: Sequence[str], option: str, value: str) -> bool:
    return f"{option}={value}" in command or (option, value) in pairwise(command)
