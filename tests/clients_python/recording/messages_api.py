"""An answer as Anthropic's Messages API streams it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .replies import Call, Part, Refusal, Reply, Search, Text, Thought

Block = tuple[dict[str, Any], list[dict[str, Any]]]


def events(answer: Reply, number: int, model: str) -> Iterator[dict[str, Any]]:
    """The events of the answer of that number."""
    usage = {
        "input_tokens": answer.read,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": answer.cached,
        "output_tokens": 1,
    }
    message = {"id": f"msg_{number:04}", "type": "message", "role": "assistant", "model": model, "content": []}
    yield {"type": "message_start", "message": message | {"stop_reason": None, "stop_sequence": None, "usage": usage}}
    for index, part in enumerate(answer.parts):
        start, deltas = _block(part, f"toolu_{number:04}_{index}")
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    over = usage | {"output_tokens": answer.written}
    yield {"type": "message_delta", "delta": {"stop_reason": _reason(answer), "stop_sequence": None}, "usage": over}
    yield {"type": "message_stop"}


def whole(answer: Reply, number: int, model: str) -> dict[str, Any]:
    """The same for those who want no stream."""
    message: dict[str, Any] = {}
    content: list[dict[str, Any]] = [
        {"type": "text", "text": "".join(part.pieces)} for part in answer.parts if isinstance(part, Text)
    ]
    for event in events(answer, number, model):
        match event:
            case {"type": "message_start", "message": start}:
                message = start | {"content": content}
            case {"type": "message_delta", "delta": delta, "usage": usage}:
                message |= delta | {"usage": usage}
    return message


def error(refusal: Refusal) -> dict[str, Any]:
    return {"type": "error", "error": {"type": refusal.kind, "message": refusal.message}, "request_id": "req_0001"}


def _reason(answer: Reply) -> str:
    if answer.cut:
        return "max_tokens"
    return "tool_use" if any(isinstance(part, Call) for part in answer.parts) else "end_turn"


def _block(part: Part, id_: str) -> Block:
    match part:
        case Text(pieces):
            return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]
        case Thought(pieces):
            thoughts: list[dict[str, Any]] = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
            signature = {"type": "signature_delta", "signature": "c2lnbmVk"}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signature]
        case Call(tool, given):
            delta = {"type": "input_json_delta", "partial_json": json.dumps(given)}
            return {"type": "tool_use", "id": id_, "name": tool, "input": {}}, [delta]
        case Search(query):
            raise ValueError(f"a search is not scripted for this API: {query}")
