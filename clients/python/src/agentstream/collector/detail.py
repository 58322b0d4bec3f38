"""How much of what an agent does leaves the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum

from agentstream.messages import Failure, Message, Output, Plan, Session, Subagent
from agentstream.requests import Ask, Settle


class Detail(Enum):
    """The state alone, also what people and agents say, or everything that tools do too."""

    STATUS = "status"
    MESSAGES = "messages"
    FULL = "full"


def limited(message: Message, detail: Detail) -> Message | None:
    """What leaves the machine of a message; None if nothing does."""
    match message:
        case Output(role="tool") | Output(kind="thinking"):
            return message if detail is Detail.FULL else None
        case _ if detail is not Detail.STATUS:
            return message
        case Output() | Plan() | Subagent() | Ask() | Settle():
            return None
        case Failure():
            return Failure(message.code, message.code)
        case Session():
            return replace(message, title=None)
        case _:
            return message


def limited_labels(labels: Mapping[str, str], detail: Detail) -> dict[str, str]:
    """The same for an agent's labels: a session's title tells what it is about."""
    return {name: value for name, value in labels.items() if name != "title" or detail is not Detail.STATUS}
