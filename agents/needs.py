"""Whether an agent needs somebody, derived from its state and what they have seen; clients derive the same."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from agents.models import Status


class Need(StrEnum):
    """Why an agent needs somebody; docs/reference/protocol.md has the table."""

    REQUEST = "request"
    WAITING = "waiting"
    FAILED = "failed"
    TURN = "turn"


def needs(state: Mapping[str, Any], seen: int) -> Need | None:
    """Why the agent in this state needs somebody who has seen its stream up to `seen`; None: it doesn't."""
    if state["requests"] or state.get("moreRequests"):
        return Need.REQUEST
    match state["status"]:
        case Status.WAITING:
            return Need.WAITING
        case Status.ERROR:
            return Need.FAILED
        case Status.IDLE | Status.FINISHED if state["statusSeq"] > seen:
            return Need.TURN
    return None
