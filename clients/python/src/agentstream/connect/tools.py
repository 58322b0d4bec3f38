"""The tools that can be connected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentstream.connect.claude import ClaudeTool
from agentstream.connect.codex import CodexTool
from agentstream.connect.opencode import OpencodeTool
from agentstream.connect.tool import Tool

TOOLS: dict[str, type[Tool]] = {tool.name: tool for tool in (ClaudeTool, CodexTool, OpencodeTool)}


def chosen_tools(names: Sequence[str], environment: Mapping[str, str], answer: bool = False) -> list[Tool]:
    """Those with these names, or all. Raises ValueError for a name that there isn't."""
    if unknown := sorted(set(names) - set(TOOLS)):
        raise ValueError(f"expected tools out of {', '.join(TOOLS)}; got {', '.join(unknown)}")
    return [TOOLS[name](environment, answer) for name in names or TOOLS]
