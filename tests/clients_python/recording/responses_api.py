"""An answer as OpenAI's Responses API streams it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .replies import Call, Part, Refusal, Reply, Search, Text, Thought

Item = dict[str, Any]


def events(answer: Reply, number: int) -> Iterator[Item]:
    """The events of the answer of that number."""
    response = {"id": f"resp_{number:04}", "object": "response", "status": "in_progress", "output": []}
    yield {"type": "response.created", "response": response}
    items: list[Item] = []
    for index, part in enumerate(answer.parts):
        items.append(_item(part, f"item_{number:04}_{index}"))
        yield {"type": "response.output_item.added", "output_index": index, "item": _begun(items[-1])}
        yield from _deltas(part, index, items[-1]["id"])
        yield {"type": "response.output_item.done", "output_index": index, "item": items[-1]}
    over = response | {"status": "completed", "output": items, "usage": _usage(answer)}
    yield {"type": "response.completed", "response": over}


def error(refusal: Refusal) -> Item:
    return {"error": {"type": refusal.kind, "code": refusal.kind, "message": refusal.message, "param": None}}


def _usage(answer: Reply) -> Item:
    read = answer.read + answer.cached
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": answer.cached},
        "output_tokens": answer.written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + answer.written,
    }


def _item(part: Part, id_: str) -> Item:
    match part:
        case Text(pieces):
            content = {"type": "output_text", "text": "".join(pieces), "annotations": []}
            return {"type": "message", "id": id_, "role": "assistant", "status": "completed", "content": [content]}
        case Thought(pieces):
            summary = {"type": "summary_text", "text": "".join(pieces)}
            return {"type": "reasoning", "id": id_, "summary": [summary], "encrypted_content": "c2VjcmV0"}
        case Call(tool, str(given)):
            return {"type": "custom_tool_call", "id": id_, "call_id": f"call_{id_}", "name": tool, "input": given}
        case Search(query):
            action = {"type": "search", "query": query}
            return {"type": "web_search_call", "id": id_, "status": "completed", "action": action}
        case Call(tool, given, space):
            call = {"type": "function_call", "id": id_, "call_id": f"call_{id_}", "name": tool}
            return call | {"arguments": json.dumps(given)} | ({"namespace": space} if space else {})


def _begun(item: Item) -> Item:
    empty = {"content": [], "summary": [], "arguments": "", "input": ""}
    return item | {key: empty[key] for key in item.keys() & empty.keys()}


def _deltas(part: Part, index: int, id_: str) -> Iterator[Item]:
    match part:
        case Text(pieces):
            for piece in pieces:
                where = {"item_id": id_, "output_index": index, "content_index": 0}
                yield {"type": "response.output_text.delta", "delta": piece, **where}
        case Thought(pieces):
            where = {"item_id": id_, "output_index": index, "summary_index": 0}
            yield {"type": "response.reasoning_summary_part.added", **where}
            for piece in pieces:
                yield {"type": "response.reasoning_summary_text.delta", "delta": piece, **where}
