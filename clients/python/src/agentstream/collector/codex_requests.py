"""What Codex asks people before it does something, and the decisions that its hooks get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentstream.adapters.bounds import line
from agentstream.adapters.diffs import changes
from agentstream.adapters.open_requests import Waiting
from agentstream.collector.hooks import HookEvent
from agentstream.messages import encode
from agentstream.requests import Option, Request, Resolution

Fields = Mapping[str, Any]

ALLOW_OR_DENY = [Option("allow", "Allow", "allow"), Option("deny", "Deny", "deny")]
# Codex shows its dialog in the terminal, and only there it takes an answer.
IN_THE_TERMINAL = [Option("terminal", "Answer in the terminal", "other")]
_TERMINAL = "Codex asks this in its terminal. To answer here, connect it with `agentstream connect codex --answer`."


def asked(event: HookEvent, id_: str, call: str | None, answerable: bool) -> Waiting:
    """The request for a permission that a hook was told of, about the tool call `call` if that is known."""
    wish = event.event
    name = line(str(wish.get("tool_name") or "a tool"))
    given = wish.get("tool_input")
    input_ = given if isinstance(given, dict) else {}
    reason = input_.get("description")
    told = [reason if isinstance(reason, str) else "", "" if answerable else _TERMINAL]
    request = Request(
        f"May {name} be used?",
        ALLOW_OR_DENY if answerable else IN_THE_TERMINAL,
        "permission",
        body="\n\n".join(filter(None, told)) or None,
        tool=_tool(name, input_, call),
    )
    return Waiting(event.id, request, decided, call, id_)


def decided(resolution: Resolution) -> str:
    """What the hook prints when the request has been answered."""
    decision: dict[str, str] = {"behavior": "allow"}
    if resolution.option != "allow":
        decision = {"behavior": "deny", "message": resolution.text or "A person denied this."}
    return encode({"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}})


def fingerprint(event: Fields) -> str:
    """The same for a tool call and the permission for it, which has a description besides."""
    given = event.get("tool_input")
    plain = (
        {name: value for name, value in given.items() if name != "description"} if isinstance(given, dict) else given
    )
    return encode([event.get("agent_id"), event.get("tool_name"), plain])


def _tool(name: str, input_: dict[str, Any], call: str | None) -> dict[str, Any]:
    shown = _undescribed(input_)
    tool: dict[str, Any] = {"name": name, "input": shown}
    if call and len(call) <= 200:
        tool["toolCallId"] = call
    if changed := changes(name, {"input": shown.get("command")}):
        tool["changes"] = changed
    return tool


def _undescribed(input_: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in input_.items() if name != "description"}
