"""opencode's permissions and questions, as its plugin reports them, and the answers it gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentstream.adapters.bounds import MAX_TITLE, line, plain
from agentstream.adapters.diffs import MAX_PATH
from agentstream.adapters.open_requests import Waiting
from agentstream.adapters.questions import MAX_QUESTIONS, Form, chosen, has_choices
from agentstream.messages import encode
from agentstream.requests import Option, Request, Resolution

Fields = Mapping[str, Any]

FORM = Form("multiple", ("description",), lambda question: question.get("custom") is not False)

_REPLIES = {"allow": "once", "always": "always"}


def asked(key: str, event: Fields) -> Waiting | None:
    """The request for what opencode asks; None if it can't be shown as it is."""
    match event:
        case {"hook_event_name": "permission.asked", "permission": str(permission)}:
            return _permission(key, permission, event)
        case {"hook_event_name": "question.asked", "questions": [*questions]} if _are_plain(questions):
            return _questions(key, questions, event)
        case _:
            return None


def _permission(key: str, permission: str, event: Fields) -> Waiting:
    metadata = event.get("metadata")
    patterns = [one for one in _list(event.get("patterns")) if isinstance(one, str)]
    given = dict(metadata) if isinstance(metadata, dict) else {}
    tool: dict[str, Any] = {"name": line(permission) or "?", "input": {"patterns": patterns, **given}}
    if call := _call(event):
        tool["toolCallId"] = call
    match given:
        case {"filepath": str(path), "diff": str(diff)} if 0 < len(path) <= MAX_PATH and "\n" not in path:
            tool["changes"] = [{"path": plain(path), "patch": plain(diff)}]
            tool["input"] = {name: value for name, value in tool["input"].items() if name != "diff"}
    options = [Option("allow", "Allow once", "allow"), *_always(event), Option("deny", "Reject", "deny")]
    request = Request(line(f"May {permission} be used?"), options, "permission", tool=tool)

    def answer(resolution: Resolution) -> str:
        reply = _REPLIES.get(resolution.option or "", "reject")
        return encode({"reply": reply} | ({"message": resolution.text} if resolution.text else {}))

    return Waiting(key, request, answer, call)


def _always(event: Fields) -> Iterator[Option]:
    """What opencode would not ask about again, if it can be shown in full."""
    patterns = [one for one in _list(event.get("always")) if isinstance(one, str) and one]
    name = f"Always allow {', '.join(patterns)} until opencode is restarted"
    if patterns and len(name) <= MAX_TITLE and name.isprintable():
        yield Option("always", name, "allow_always")


def _questions(key: str, questions: list[dict[str, Any]], event: Fields) -> Waiting:
    def answer(resolution: Resolution) -> str:
        if resolution.answers is None:
            return encode({"path": "reject"})
        given = [list(chosen(number, one, resolution.answers)) for number, one in enumerate(questions, 1)]
        return encode({"answers": given})

    return Waiting(key, FORM.request(questions), answer, _call(event))


def _are_plain(questions: list[Any]) -> bool:
    """Whether these questions can be shown to a person unchanged."""
    return 0 < len(questions) <= MAX_QUESTIONS and all(map(_is_plain, questions))


def _is_plain(question: Any) -> bool:
    match question:
        case {"question": str(words), "options": [*_]} if words:
            return has_choices(question)
        case _:
            return False


def _call(event: Fields) -> str | None:
    match event:
        case {"tool": {"callID": str(call)}} if 0 < len(call) <= 200:
            return call
        case _:
            return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
