"""The searchable text of an event, and the snippet shown in results: always plain text, whatever an agent wrote."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from search.words import Term
from streams.protocol.messages import encode

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
BEFORE, AFTER = 60, 180  # characters of a snippet around its first match
MAX_MATCHES = 20  # marked in one snippet
ELLIPSIS = "…"


def searchable(type_: str, payload: dict[str, Any]) -> str:
    """An event's searchable text; empty if it has none."""
    match type_:
        case "agent:output":
            given = [payload.get("content"), payload.get("toolName"), payload.get("toolInput")]
        case "agent:input":
            given = [payload.get("content")]
        case "agent:error":
            given = [payload["error"].get("message")]
        case "agent:request":
            tool = payload.get("tool") or {}
            given = [payload.get("title"), payload.get("body"), tool.get("input")]
            given += [question.get("question") for question in payload.get("questions") or ()]
        case _:
            return ""
    texts = [one if isinstance(one, str) else encode(one) for one in given if one]
    return ANSI.sub("", "\n".join(texts)).replace("\0", " ")


def chunk_of(type_: str, payload: dict[str, Any]) -> str:
    """A key that the chunks of one message share; empty if the event isn't a chunk."""
    if type_ != "agent:output" or not payload.get("messageId"):
        return ""
    return "|".join((payload["messageId"], payload.get("role") or "", payload.get("kind") or ""))


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of text and the matches in it: pairs of start and end, in characters (code points)."""

    text: str
    matches: list[tuple[int, int]]


def snippet(text: str, terms: Sequence[Term]) -> Snippet:
    """An excerpt of `text` around the first match."""
    pattern = re.compile("|".join(term.pattern for term in terms if not term.without), re.IGNORECASE)
    first = pattern.search(text)
    at, end = (first.start(), first.end()) if first else (0, 0)
    start, stop = max(at - BEFORE, 0), min(max(end, at) + AFTER, len(text), at + 2 * AFTER)
    head, tail = ELLIPSIS if start else "", ELLIPSIS if stop < len(text) else ""
    piece = text[start:stop]
    found = [match.span() for match, _ in zip(pattern.finditer(piece), range(MAX_MATCHES), strict=False)]
    return Snippet(head + piece + tail, [(low + len(head), high + len(head)) for low, high in found])
