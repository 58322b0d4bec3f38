"""Whether an agent needs a person's attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Need = Literal["request", "waiting", "failed", "lost", "turn"]


def needs(agent: Mapping[str, Any], seen: int = 0, dismissed: int = 0) -> Need | None:
    """Why an agent needs a user who has seen its stream up to `seen`; None if it doesn't.

    `agent` is its state, as the server sends it. ``"request"``: it has an open request; ``"waiting"``: it waits for a
    person; ``"failed"``; ``"lost"``: its runner is gone; ``"turn"``: it has finished or become idle since they last
    looked. `dismissed` is the seq of the newest failed or lost status that the user has dismissed.
    """
    if agent.get("requests") or agent.get("moreRequests"):
        return "request"
    changed = agent.get("statusSeq", 0)
    match agent.get("status"):
        case "waiting":
            return "waiting"
        case "error" if changed > dismissed:
            return "failed"
        case "offline" if agent.get("reason") == "lost" and changed > dismissed:
            return "lost"
        case "idle" | "finished" if changed > seen:
            return "turn"
    return None
