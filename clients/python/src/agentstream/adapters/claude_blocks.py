"""The blocks of Claude's messages, as text."""

from __future__ import annotations

import json

from agentstream.adapters.builder import as_text


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
