"""What Claude has asked people to permit."""

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

    def answer(self, content: str) -> Wish | None:
        """The line that answers the oldest request with a person's words; None if nothing was asked.

        "yes" and the like allow it. Anything else denies it, and Claude is told to do as the words say.
        """
        if not self._wishes:
            return None
        id_ = next(iter(self._wishes))
        wish = self._wishes.pop(id_)
        said = content.strip()
        if said.lower() in _YES:
            decision: Wish = {"behavior": "allow", "updatedInput": wish.get("input", {})}
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
