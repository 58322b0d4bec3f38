"""Claude's open requests to people: to permit a tool, or to answer a question."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Wish = dict[str, Any]

_YES = {"y", "yes", "ok", "allow"}
_NO = {"n", "no", "deny"}


@dataclass
class Permissions:
    """The requests nobody has answered yet, oldest first."""

    _wishes: dict[str, Wish] = field(default_factory=dict)

    @property
    def pending(self) -> bool:
        return bool(self._wishes)

    def ask(self, id_: str, wish: Wish) -> None:
        self._wishes[id_] = wish

    @property
    def hint(self) -> str:
        """How to answer the newest."""
        *older, wish = self._wishes.values()
        if len(questions(wish)) > 1:
            how = "Answer each in a line of its own."
        else:
            how = "" if questions(wish) else "Answer yes, or say what to do instead."
        order = "What was asked before is answered first." if older else ""
        return " ".join(filter(None, (how, order)))

    def answer(self, content: str) -> Wish | None:
        """The line that answers the oldest request with a person's words; None if nothing was asked.

        Questions are answered by the words, or each by a line of them. A tool is allowed by "yes" and the like;
        anything else denies it, and Claude is told to do as the words say.
        """
        if not self._wishes:
            return None
        id_ = next(iter(self._wishes))
        wish = self._wishes.pop(id_)
        said = content.strip()
        if asked := questions(wish):
            decision: Wish = {"behavior": "allow", "updatedInput": wish["input"] | {"answers": _answers(asked, said)}}
        elif said.lower() in _YES:
            decision = {"behavior": "allow", "updatedInput": wish.get("input", {})}
        else:
            decision = {"behavior": "deny", "message": "a person said no" if said.lower() in _NO else said}
        response = {"subtype": "success", "request_id": id_, "response": decision}
        return {"type": "control_response", "response": response}

    def used(self, call: object) -> bool:
        """The tool has run, or will not: whether that leaves nothing to answer."""
        settled = [id_ for id_, wish in self._wishes.items() if wish.get("tool_use_id", call) == call]
        for id_ in settled:
            del self._wishes[id_]
        return not self._wishes

    def drop(self, id_: str) -> bool:
        """Claude asks no more: whether that leaves nothing to answer."""
        self._wishes.pop(id_, None)
        return not self._wishes

    def clear(self) -> bool:
        """All is answered, wherever that was done."""
        self._wishes.clear()
        return True


def questions(wish: Wish) -> dict[str, list[str]]:
    """The questions that a request is about, each with the answers it offers; none where a tool is to be permitted."""
    match wish:
        case {"tool_name": "AskUserQuestion", "input": {"questions": [*asked]}}:
            return dict(_question(item) for item in asked)
        case _:
            return {}


def _question(item: object) -> tuple[str, list[str]]:
    match item:
        case {"question": str(question), "options": [*options]}:
            return question, [
                str(option["label"]) for option in options if isinstance(option, dict) and "label" in option
            ]
        case {"question": str(question)}:
            return question, []
        case _:
            return str(item), []


def _answers(asked: dict[str, list[str]], said: str) -> dict[str, str]:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return dict(zip(asked, lines, strict=True)) if len(lines) == len(asked) else dict.fromkeys(asked, said)
