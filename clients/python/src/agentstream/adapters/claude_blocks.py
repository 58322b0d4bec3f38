"""The blocks of Claude's messages: as text, and what they reveal."""

from __future__ import annotations

import json
from collections.abc import Iterator

from agentstream.adapters.bounds import line
from agentstream.adapters.builder import LABEL, as_text, label
from agentstream.adapters.progress import plan
from agentstream.messages import Plan, Subagent


def listed(errors: object) -> object:
    """Several errors, one per line."""
    match errors:
        case [*lines]:
            return "\n".join(as_text(line) for line in lines)
        case _:
            return errors


def result_text(content: object) -> str:
    """A tool's result as text; other blocks are shown as their type."""
    match content:
        case None:
            return ""
        case [*blocks]:
            return "\n".join(block_text(block) for block in blocks)
        case _:
            return as_text(content)


def block_text(block: object) -> str:
    """A block's text, or its type."""
    match block:
        case {"type": "text", "text": str(text)}:
            return text
        case _:
            return f"({type_of(block)})"


def type_of(block: object) -> str:
    """A block's type for display."""
    match block:
        case {"type": str(type_)}:
            return type_
        case _:
            return json.dumps(block)[:200]


def revealed(call: object, tool: object, input_: object) -> Iterator[Plan | Subagent]:
    """What a call reveals about the agent itself: its plan, or the start of a sub-agent."""
    match tool, input_:
        case "TodoWrite", {"todos": [*steps]}:
            yield plan((step.get("content"), step.get("status")) for step in steps if isinstance(step, dict))
        case "Task" | "Agent", dict() if parent := label(call):
            description = input_.get("description")
            about = line(description) if isinstance(description, str) else None
            name = line(as_text(input_.get("subagent_type") or "agent"), LABEL)
            yield Subagent(parent, "started", name or "agent", about)
