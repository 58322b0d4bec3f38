"""Claude Code's requests to people (permissions, questions, plans), and the decisions that it gets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from agentstream import text
from agentstream.adapters.bounds import MAX_BYTES, MAX_TITLE, line, plain
from agentstream.adapters.builder import as_text
from agentstream.adapters.diffs import changes
from agentstream.adapters.open_requests import Waiting
from agentstream.adapters.questions import MAX_QUESTIONS, Form, chosen, has_choices
from agentstream.messages import encode
from agentstream.requests import Option, Request, Resolution

Wish = dict[str, Any]
Decision = dict[str, Any]
# Writes a decision as whoever asked reads it.
Wrap = Callable[[Decision], str]
Decide = Callable[[Resolution], Decision]

MAX_ALWAYS = 10  # options beyond allow and deny
# Claude shows the preview beside an option.
FORM = Form("multiSelect", ("description", "preview"), lambda _: True)

_WHERE = {
    "session": "in this session",
    "localSettings": "in this project",
    "projectSettings": "in this project, for everyone",
    "userSettings": "everywhere",
}
_MODES = {
    "acceptEdits": "Accept all file edits",
    "bypassPermissions": "Stop asking for permissions",
    "dontAsk": "Deny without asking anything not already allowed",
    "plan": "Only plan",
    "default": "Ask as usual",
    "auto": "Let Claude Code decide",
}


def asked(key: str, wish: Wish, wrap: Wrap) -> Waiting:
    """The request for a `can_use_tool` from Claude, or for what a hook was told in its form."""
    request, decide = _asked(wish)
    return Waiting(key, request, lambda resolution: wrap(decide(resolution)), wish.get("tool_use_id"))


def _asked(wish: Wish) -> tuple[Request, Decide]:
    match wish:
        case {"tool_name": "AskUserQuestion", "input": {"questions": [*questions]}} if _are_plain(questions):
            return _question(wish, questions)
        case {"tool_name": "ExitPlanMode", "input": {"plan": str(plan)} as input_}:
            rest = {name: value for name, value in input_.items() if name != "plan"}
            options = _options(wish, "Approve", "Keep planning")
            request = Request(
                "Approve this plan?", options, "plan", body=plan, tool=_tool(wish, rest) if rest else None
            )
            return request, partial(_decision, wish, request)
        case _:
            name = line(str(wish.get("display_name") or wish.get("tool_name") or "a tool"))
            request = Request(
                f"Allow {name}?",
                _options(wish, "Allow", "Deny"),
                "permission",
                body=_reasons(wish),
                tool=_tool(wish, wish.get("input")),
            )
            return request, partial(_decision, wish, request)


# Permissions and plans


def _tool(wish: Wish, input_: object) -> dict[str, Any]:
    name = line(str(wish.get("tool_name") or "?"))
    tool: dict[str, Any] = {"name": name, "input": input_}
    if isinstance(call := wish.get("tool_use_id"), str) and 0 < len(call) <= 200:
        tool["toolCallId"] = call
    if isinstance(input_, dict) and (changed := changes(name, input_)):
        tool["changes"] = changed
    return tool


def _reasons(wish: Wish) -> str | None:
    """Claude's description of the call, and its reason for asking."""
    said = [wish.get(name) for name in ("description", "decision_reason")]
    told = [reason for reason in said if isinstance(reason, str) and reason]
    if isinstance(path := wish.get("blocked_path"), str):
        told.append(f"It affects {path}.")
    return "\n\n".join(told) or None


def _options(wish: Wish, allow: str, deny: str) -> list[Option]:
    always = [Option(f"always-{number}", _granted(grant), "allow_always") for number, grant in _grants(wish).items()]
    return [Option("allow", allow, "allow"), *always, Option("deny", deny, "deny")]


def _grants(wish: Wish) -> dict[int, dict[str, Any]]:
    """Claude's suggestions that permit more than this one call, by number."""
    match wish.get("permission_suggestions"):
        case [*suggestions]:
            return dict(enumerate(filter(_is_offered, suggestions[:MAX_ALWAYS]), 1))
        case _:
            return {}


def _is_offered(suggestion: object) -> bool:
    """Whether a suggestion permits something and fits on a button in full."""
    match suggestion:
        case dict() if suggestion.get("behavior") in (None, "allow"):
            return len(_granted(suggestion)) <= MAX_TITLE
        case _:
            return False


def _granted(grant: dict[str, Any]) -> str:
    """What a suggestion permits, and for how long."""
    match grant:
        case {"type": "addRules", "rules": [*rules]}:
            what = f"Always allow {', '.join(map(_rule, rules))}"
        case {"type": "addDirectories", "directories": [*directories]}:
            what = f"Always allow work in {', '.join(map(as_text, directories))}"
        case {"type": "setMode", "mode": mode}:
            what = _MODES.get(str(mode), f"Switch to mode {mode}")
        case _:
            return plain(f"Allow, and apply {encode(grant)}")
    return plain(" ".join(filter(None, (what, _WHERE.get(str(grant.get("destination")))))))


def _rule(rule: object) -> str:
    match rule:
        case {"toolName": str(tool), "ruleContent": str(content)}:
            return f"{tool}({content if content.isprintable() else encode(content)})"
        case {"toolName": str(tool)}:
            return tool
        case _:
            return as_text(rule)


def _decision(wish: Wish, request: Request, resolution: Resolution) -> Decision:
    effects = {option.id: option.effect for option in request.options}
    match effects.get(resolution.option or ""):
        case "allow":
            return _allow(wish)
        case "allow_always":
            grant = _grants(wish)[int((resolution.option or "").removeprefix("always-"))]
            return _allow(wish) | {"updatedPermissions": _effective(grant)}
        case _:
            return _deny(resolution)


def _effective(grant: dict[str, Any]) -> list[dict[str, Any]]:
    """The grant in effect. Claude Code writes rules to a file that only the next session reads, so this one gets them,
    too."""
    here = grant.get("type") != "addRules" or grant.get("destination") == "session"
    return [grant] if here else [grant, grant | {"destination": "session"}]


def _allow(wish: Wish) -> Decision:
    return {"behavior": "allow", "updatedInput": wish.get("input", {})}


def _deny(resolution: Resolution) -> Decision:
    return {"behavior": "deny", "message": resolution.text or "A person denied this."}


# Questions


def _are_plain(questions: list[Any]) -> bool:
    """Whether these questions can be shown to a person unchanged."""
    texts = [entry.get("question") if isinstance(entry, dict) else None for entry in questions]
    return (
        0 < len(questions) <= MAX_QUESTIONS
        and all(isinstance(words, str) and words for words in texts)
        and all(has_choices(entry) for entry in questions)
        and len(set(texts)) == len(texts)
        and text.size(encode(questions)) < MAX_BYTES // 2
    )


def _question(wish: Wish, questions: list[dict[str, Any]]) -> tuple[Request, Decide]:
    def decide(resolution: Resolution) -> Decision:
        if resolution.answers is None:
            return _deny(resolution)
        given = {
            question["question"]: ", ".join(chosen(number, question, resolution.answers))
            for number, question in enumerate(questions, 1)
        }
        return _allow(wish) | {"updatedInput": wish["input"] | {"answers": given}}

    return FORM.request(questions), decide
