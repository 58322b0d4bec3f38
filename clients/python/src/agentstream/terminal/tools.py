"""The interactive tools that are known: when one is not interactive, and how it is interrupted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agentstream.adapters.registry import program

ESCAPE = b"\x1b"
CONTROL_C = b"\x03"

_INFORMATION = frozenset({"--help", "-h", "--version", "-v", "-V"})


@dataclass(frozen=True)
class Tool:
    """`headless` are the options and subcommands with which it isn't interactive; `interrupt` the keys that interrupt
    what it is doing."""

    headless: frozenset[str]
    interrupt: tuple[bytes, ...] = (ESCAPE,)


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


TOOLS = {
    "claude": Tool(_words("-p --print --bg --background mcp config update install plugin plugins setup-token auth")),
    "codex": Tool(
        _words("exec e review login logout mcp mcp-server app-server completion apply a sandbox debug cloud")
    ),
    "opencode": Tool(
        _words("run serve web acp mcp auth agent models stats export import github pr session upgrade uninstall"),
        (ESCAPE, ESCAPE),  # it asks for a second one
    ),
    "gemini": Tool(_words("-p --prompt --acp --experimental-acp mcp extensions hooks skills"), (CONTROL_C,)),
}
UNKNOWN = Tool(frozenset(), (CONTROL_C,))

_COMBINED = re.compile(r"-[a-zA-Z]{2,}")


def is_interactive(command: Sequence[str]) -> bool:
    """Whether the command line runs a known tool that draws in the terminal."""
    tool = TOOLS.get(program(command))
    return tool is not None and (tool.headless | _INFORMATION).isdisjoint(_arguments(command))


def tool_of(command: Sequence[str]) -> Tool:
    """The tool that the command line runs; `UNKNOWN` for all other programs."""
    return TOOLS.get(program(command), UNKNOWN)


def _arguments(command: Sequence[str]) -> set[str]:
    """The words after the program's name, without options' values (`--print=x`), and with `-cp` as `-c` and `-p`."""
    name = program(command)
    place = next(index for index, word in enumerate(command) if program((word,)) == name)
    words = {word.partition("=")[0] for word in command[place + 1 :]}
    letters = {f"-{letter}" for word in words if _COMBINED.fullmatch(word) for letter in word[1:]}
    return words | letters
