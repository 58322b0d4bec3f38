"""Keeps requests within the server's limits. People decide on what they are shown, so any omission is stated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from agentstream import text
from agentstream.messages import encode
from agentstream.requests import Request

# The server takes events of 240 KiB as JSON.
MAX_BYTES = 200 * 1024
MAX_TITLE = 500
MAX_BODY_BYTES = 24 * 1024
# Nobody reads JSON that is nested more deeply or has more parts, and it costs the server too much.
MAX_DEPTH = 40
MAX_PARTS = 5_000
# A browser would change larger numbers.
MAX_INTEGER = 2**53
# Lengths to which texts in the input are cut, tried in this order until the request fits.
TEXT_BOUNDS = (16_384, 4_096, 1_024, 128)
# Characters shown of an input that has too many texts even then: fits even at six bytes each.
FIRST_CHARACTERS = 4_096

Tool = dict[str, Any]


def plain(words: str) -> str:
    """Text with ␀ in place of NUL, which the server refuses."""
    return words.replace("\0", "\N{SYMBOL FOR NULL}")


def line(words: str, limit: int = MAX_TITLE) -> str:
    """Text as a title or label, on one line."""
    words = " ".join(plain(words).split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def bounded(request: Request) -> Request:
    """The request, shortened to what the server accepts."""
    request = replace(request, title=line(request.title) or "?", body=_body(request.body))
    if request.tool is None:
        return request
    tool = request.tool | {"input": readable(request.tool["input"])}
    tries = (_noting(replace(request, tool=shown), note) for shown, note in _shortened(tool))
    return next(tried for tried in tries if _fits(tried))


def _shortened(tool: Tool) -> Iterator[tuple[Tool, str]]:
    """The tool as it is, then ever shorter versions, each with a note of what is omitted. The last always fits."""
    yield tool, ""
    tool = {name: value for name, value in tool.items() if name != "changes"}
    yield tool, "The diff is omitted because it is too long."
    for limit in TEXT_BOUNDS:
        short = Shortened(limit)
        input_ = short.take(tool["input"])
        note = f"The input is too long to show in full: {short.missing} characters are omitted where marked."
        yield tool | {"input": input_}, note
    whole = encode(tool["input"])
    note = f"The input is too long to show in full: this is the beginning of its {len(whole)} characters of JSON."
    yield tool | {"input": {"json": whole[:FIRST_CHARACTERS]}}, note


def readable(value: object) -> dict[str, Any]:
    """A tool's input without anything that the server refuses or a browser shows wrongly."""
    parts = count()
    try:
        found = _readable(value, 0, parts)
    except _TooComplex:
        return {"note": "This is too deeply nested or has too many parts to show."}
    return found if isinstance(found, dict) else {"input": found}


@dataclass
class Shortened:
    """Cuts the texts in an input at `limit` characters, marks where, and counts what is `missing`."""

    limit: int
    missing: int = 0

    def take(self, value: Any) -> Any:
        match value:
            case str() if len(value) > self.limit:
                rest = len(value) - self.limit
                self.missing += rest
                return f"{value[: self.limit]}… ({rest} more characters)"
            case dict():
                return {key: self.take(entry) for key, entry in value.items()}
            case [*entries]:
                return [self.take(entry) for entry in entries]
            case _:
                return value


class _TooComplex(Exception):
    pass


def _readable(value: object, depth: int, parts: Iterator[int]) -> Any:
    if depth > MAX_DEPTH or next(parts) > MAX_PARTS:
        raise _TooComplex
    match value:
        case str():
            return plain(value)
        case bool() | None:
            return value
        case int() if abs(value) > MAX_INTEGER:
            return str(value)
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {plain(str(key)): _readable(entry, depth + 1, parts) for key, entry in value.items()}
        case [*entries]:
            return [_readable(entry, depth + 1, parts) for entry in entries]
        case _:
            return value


def _fits(request: Request) -> bool:
    return text.size(encode(request.payload())) <= MAX_BYTES


def _noting(request: Request, note: str) -> Request:
    return replace(request, body="\n\n".join(filter(None, (request.body, note))) or None)


def _body(body: str | None) -> str | None:
    if not body:
        return None
    first, *rest = text.split(text.clean(plain(body)), MAX_BODY_BYTES)
    missing = sum(map(len, rest))
    return f"{first}\n\n… ({missing} more characters are omitted)" if missing else first
