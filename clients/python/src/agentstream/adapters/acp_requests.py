"""Permissions that an agent asks for in the Agent Client Protocol, and the answers it gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from agentstream.adapters.acp_calls import Call
from agentstream.adapters.bounds import MAX_TITLE, line, plain
from agentstream.adapters.open_requests import Waiting
from agentstream.messages import encode
from agentstream.requests import Effect, Option, Request, Resolution

Fields = dict[str, Any]

# The server's limit is 20.
MAX_OPTIONS = 19

_EFFECTS: dict[object, Effect] = {
    "allow_once": "allow",
    "allow_always": "allow_always",
    "reject_once": "deny",
    "reject_always": "deny",
}
# The order in which people see them, whatever the agent's is.
_ORDER: Sequence[Effect] = ("allow", "allow_always", "other", "deny")
# What a permission or a refusal is called whose own name can't be shown in full.
_NAMES: dict[Effect, str] = {"allow": "Allow once", "deny": "Reject"}
_CANCEL = "cancel"


def waiting(id_: object, call: Call, options: list[Any], add: Callable[[str], None]) -> Waiting:
    """The request for a `session/request_permission` with that JSON-RPC id; its key is the id as JSON.

    `add` gets the text of an answer, for which the protocol has no place.
    """
    offered = dict(_offered(options))
    shown = [option for option, _ in offered.values()]
    if not any(option.effect == "deny" for option in shown):
        shown.append(Option(_CANCEL, "Cancel", "deny"))

    def answer(resolution: Resolution) -> str:
        chosen = offered.get(resolution.option or "")
        if resolution.text:
            add(resolution.text)
        return answered(id_, chosen[1] if chosen else None)

    title = line(f"May {call.name} be used?" if call.named else f"Allow: {call.title}")
    request = Request(title, shown, "permission", body=call.about, tool=call.tool)
    return Waiting(encode(id_), request, answer, call.id)


def answered(id_: object, option: str | None) -> str:
    """The line that selects an option; None cancels."""
    outcome = {"outcome": "cancelled"} if option is None else {"outcome": "selected", "optionId": option}
    return response(id_, {"outcome": outcome})


def response(id_: object, result: Fields) -> str:
    """A line with the result of a request."""
    return encode({"jsonrpc": "2.0", "id": id_, "result": result}) + "\n"


def _offered(options: list[Any]) -> Iterator[tuple[str, tuple[Option, str]]]:
    """By ids of our own: the agent's may be longer than the server accepts."""
    usable = [option for option in options if isinstance(option, dict) and isinstance(option.get("optionId"), str)]
    usable.sort(key=lambda option: _ORDER.index(_effect(option)))
    for number, option in enumerate(usable[:MAX_OPTIONS], 1):
        if name := _name(option):
            id_ = f"o{number}"
            yield id_, (Option(id_, name, _effect(option)), option["optionId"])


def _effect(option: Fields) -> Effect:
    kind = option.get("kind")
    return _EFFECTS.get(kind, "other") if isinstance(kind, str) else "other"


def _name(option: Fields) -> str | None:
    """What the option is called; none if nobody could see what it permits."""
    name = plain(str(option.get("name") or ""))
    return line(name) if 0 < len(name) <= MAX_TITLE and name.strip() else _NAMES.get(_effect(option))
