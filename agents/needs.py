"""Whether an agent needs a user's attention, derived from its state and what they have seen, the same as in clients."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from agents.models import Status


class Need(StrEnum):
    """Why an agent needs attention; docs/reference/protocol.md has the table."""

    REQUEST = "request"
    WAITING = "waiting"
    FAILED = "failed"
    LOST = "lost"
    TURN = "turn"


def needs(state: Mapping[str, Any], seen: int, dismissed: int = 0) -> Need | None:
    """Why an agent in this state needs a user who has seen its stream up to `seen`; None if it doesn't.

    `dismissed` is the seq of the last status that the user has dismissed: a failure, or a lost runner.
    """
    if state["requests"] or state.get("moreRequests"):
        return Need.REQUEST
    match state["status"]:
        case Status.WAITING:
            return Need.WAITING
        case Status.ERROR if state["statusSeq"] > dismissed:
            return Need.FAILED
        case Status.OFFLINE if state.get("reason") == "lost" and state["statusSeq"] > dismissed:
            return Need.LOST
        case Status.IDLE | Status.FINISHED if state["statusSeq"] > seen:
            return Need.TURN
    return None
