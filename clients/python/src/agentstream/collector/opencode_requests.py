"""opencode's permissions and questions, as its plugin reports them, and the answers it gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentstream.adapters.bounds import MAX_TITLE, line, plain
from agentstream.adapters.diffs import MAX_PATH
from agentstream.adapters.open_requests import Waiting
from agentstream.messages import encode
from agentstream.requests import Option, Request, Resolution

Fields = Mapping[str, Any]

# The server's limits.
MAX_QUESTIONS = 10
MAX_CHOICES = 20

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
    title = questions[0]["question"] if len(questions) == 1 else f"{len(questions)} questions"
    request = Request(
        title,
        [Option("deny", "Don't answer", "deny")],
        "question",
        questions=[_shown(number, question) for number, question in enumerate(questions, 1)],
    )

    def answer(resolution: Resolution) -> str:
        if resolution.answers is None:
            return encode({"path": "reject"})
        given = [list(_chosen(number, one, resolution.answers)) for number, one in enumerate(questions, 1)]
        return encode({"answers": given})

    return Waiting(key, request, answer, _call(event))


def _shown(number: int, question: dict[str, Any]) -> dict[str, Any]:
    shown = {
        "id": f"q{number}",
        "question": plain(question["question"]),
        "options": [_choice(*numbered) for numbered in enumerate(question["options"], 1)],
        "multiple": question.get("multiple") is True,
        "free": question.get("custom") is not False,
    }
    header = question.get("header")
    return shown | {"header": line(header)} if isinstance(header, str) and header.strip() else shown


def _choice(number: int, option: dict[str, Any]) -> dict[str, str]:
    choice = {"id": f"o{number}", "label": line(option["label"]) or "?"}
    description = option.get("description")
    return choice | {"description": plain(description)} if isinstance(description, str) and description else choice


def _chosen(number: int, question: dict[str, Any], answers: dict[str, list[str]]) -> Iterator[str]:
    labels = {f"o{index}": option["label"] for index, option in enumerate(question["options"], 1)}
    yield from (labels.get(given, given) for given in answers.get(f"q{number}", []))


def _are_plain(questions: list[Any]) -> bool:
    """Whether these questions can be shown to a person unchanged."""
    return 0 < len(questions) <= MAX_QUESTIONS and all(map(_is_plain, questions))


def _is_plain(question: Any) -> bool:
    match question:
        case {"question": str(words), "options": [*options]} if words and len(options) <= MAX_CHOICES:
            return all(isinstance(option, dict) and isinstance(option.get("label"), str) for option in options)
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
