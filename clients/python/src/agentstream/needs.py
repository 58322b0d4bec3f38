"""Whether an agent needs a person's attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Need = Literal["request", "waiting", "failed", "turn"]


def needs(agent: Mapping[str, Any], seen: int = 0) -> Need | None:
    """Why an agent needs a user who has seen its stream up to `seen`; None if it doesn't.

    `agent` is its state, as the server sends it. ``"request"``: it has an open request; ``"waiting"``: it waits for a
    person; ``"failed"``; ``"turn"``: it has finished or become idle since they last looked.
    """
    if agent.get("requests") or agent.get("moreRequests"):
        return "request"
    match agent.get("status"):
        case "waiting":
            return "waiting"
        case "error":
            return "failed"
        case "idle" | "finished" if agent.get("statusSeq", 0) > seen:
            return "turn"
    return None
