"""An answer as Google's Gemini API streams it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .replies import Call, Part, Refusal, Reply, Text, Thought


def events(answer: Reply) -> Iterator[dict[str, Any]]:
    """The chunks of the answer."""
    parts = [shown for part in answer.parts for shown in _parts(part)]
    for number, part in enumerate(parts, 1):
        yield _chunk(answer, [part], "STOP" if number == len(parts) else None)


def whole(answer: Reply) -> dict[str, Any]:
    """The same for those who want no stream."""
    return _chunk(answer, [shown for part in answer.parts for shown in _parts(part)], "STOP")


def error(refusal: Refusal) -> dict[str, Any]:
    return {"error": {"code": refusal.status, "message": refusal.message, "status": refusal.kind}}


def _chunk(answer: Reply, parts: list[dict[str, Any]], ended: str | None) -> dict[str, Any]:
    read = answer.read + answer.cached
    counts = {
        "promptTokenCount": read,
        "candidatesTokenCount": answer.written,
        "totalTokenCount": read + answer.written,
    }
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
    if ended:
        candidate["finishReason"] = ended
    return {"candidates": [candidate], "usageMetadata": counts | {"cachedContentTokenCount": answer.cached}}


def _parts(part: Part) -> Iterator[dict[str, Any]]:
    match part:
        case Text(pieces):
            yield from ({"text": piece} for piece in pieces)
        case Thought(pieces):
            yield from ({"text": piece, "thought": True} for piece in pieces)
        case Call(tool, given):
            yield {"functionCall": {"name": tool, "args": given}}
