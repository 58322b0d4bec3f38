"""Redacts requests to people. What a person isn't shown is marked as such; the answer is unaffected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agentstream import text
from agentstream.adapters.bounds import MAX_BYTES, bounded
from agentstream.messages import encode
from agentstream.redaction.redactor import Redactor
from agentstream.requests import Option, Request, Resolution

# No field of an event takes less than this, in characters.
SHORTEST_LIMIT = 60


def short(redact: Callable[[str], str], value: str) -> str:
    """`value` redacted but, because marks are longer than short secrets, not longer than it was."""
    return redact(value)[: max(len(value), SHORTEST_LIMIT)]


def redacted_request(redactor: Redactor, request: Request) -> Request:
    """The request without secrets. Ids stay, because answers name them."""
    shown = replace(
        request,
        title=short(redactor.text, request.title),
        body=None if request.body is None else short(redactor.text, request.body),
        tool=None if request.tool is None else redactor.value(request.tool),
        options=[replace(option, label=short(redactor.text, option.label)) for option in request.options],
        questions=None if request.questions is None else [_question(redactor, one) for one in request.questions],
    )
    too_long = text.size(encode(shown.payload())) > MAX_BYTES
    return bounded(shown) if too_long and shown.tool and "input" in shown.tool else shown


def _question(redactor: Redactor, value: Any) -> Any:
    """A question, or a part of one, without secrets in anything but ids."""
    match value:
        case str():
            return short(redactor.text, value)
        case dict():
            return {key: entry if key == "id" else _question(redactor, entry) for key, entry in value.items()}
        case [*entries]:
            return [_question(redactor, entry) for entry in entries]
        case _:
            return value


class Asked:
    """A request whose options' ids may contain secrets, too, as with ids that are the answers themselves."""

    def __init__(self, redactor: Redactor | None, request: Request) -> None:
        self._ids: dict[str, str] = {}
        self.request = request
        if redactor is not None:
            options = [self._option(redactor, number, option) for number, option in enumerate(request.options, 1)]
            self.request = redacted_request(redactor, replace(request, options=options))

    def _option(self, redactor: Redactor, number: int, option: Option) -> Option:
        if redactor.text(option.id) == option.id:
            return option
        hidden = f"option-{number}"
        self._ids[hidden] = option.id
        return replace(option, id=hidden)

    def resolution(self, resolution: Resolution) -> Resolution:
        """The resolution, with the id that the asking program knows."""
        return replace(resolution, option=self._ids.get(resolution.option or "", resolution.option))
