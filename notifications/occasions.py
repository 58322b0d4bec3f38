"""What people want to be told of: derived from one event of an agent's stream."""

from collections.abc import Mapping
from typing import Any

from django.db.models import TextChoices

from agents.events import Context, Request, Resolution, StatusChange
from agents.models import Status

MAX_TEXT = 300


class Occasion(TextChoices):
    """A reason to tell somebody."""

    ASKED = "asked", "An agent asks for an answer"
    RESOLVED = "resolved", "A request is answered or ends"
    WAITING = "waiting", "An agent waits for a person without a request"
    FAILED = "failed", "An agent fails"
    FINISHED = "finished", "An agent finishes"
    LOST = "lost", "An agent's runner is lost"
    CONTEXT = "context", "An agent's context window is almost full"


DEFAULT = (Occasion.ASKED, Occasion.FAILED, Occasion.FINISHED, Occasion.LOST)
TYPES = (Request.type, Resolution.type, StatusChange.type, Context.type)
LOST = "lost"


def occasion_of(event_type: str, payload: Mapping[str, Any]) -> Occasion | None:
    """What an event is an occasion for, if any. CONTEXT only means that the level is known."""
    match event_type, payload:
        case Request.type, _:
            return Occasion.ASKED
        case Resolution.type, _:
            return Occasion.RESOLVED
        case Context.type, {"contextLevel": int()}:
            return Occasion.CONTEXT
        case StatusChange.type, {"status": status, "previousStatus": before} if status != before:
            return _of_status(status, payload.get("reason"))
        case _:
            return None


def _of_status(status: str, reason: str | None) -> Occasion | None:
    match status:
        case Status.ERROR:
            return Occasion.FAILED
        case Status.FINISHED:
            return Occasion.FINISHED
        case Status.WAITING:
            return Occasion.WAITING
        case Status.OFFLINE if reason == LOST:
            return Occasion.LOST
        case _:
            return None


def sentence(occasion: Occasion, agent: str, payload: Mapping[str, Any]) -> str:
    """What happened, in one line of plain text. Agents write much of it, so it must be escaped like anything else."""
    match occasion:
        case Occasion.ASKED:
            text = f"{agent} asks: {payload.get('title', '')}"
        case Occasion.RESOLVED:
            by = f" by {payload['by']}" if payload.get("by") else ""
            text = f"A request of {agent} was {str(payload.get('outcome', 'resolved')).replace('_', ' ')}{by}"
        case Occasion.WAITING:
            text = f"{agent} is waiting for you"
        case Occasion.FAILED:
            reason = payload.get("reason")
            text = f"{agent} has failed" + (f": {reason}" if reason else "")
        case Occasion.FINISHED:
            text = f"{agent} has finished"
        case Occasion.LOST:
            text = f"{agent} is lost: its runner no longer responds"
        case Occasion.CONTEXT:
            text = f"The context window of {agent} is {payload['contextLevel']}% full"
    return _one_line(text)


def _one_line(text: str) -> str:
    """Without line breaks, control characters and marks that change the direction of text."""
    line = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(line.split())[:MAX_TEXT]
