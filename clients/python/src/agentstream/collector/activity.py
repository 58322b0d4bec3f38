"""What an interactive agent is doing."""

from __future__ import annotations

from enum import Enum


class Activity(Enum):
    """The state of a turn; the values are statuses of the protocol."""

    RUNNING = "running"
    IDLE = "idle"
    WAITING = "waiting"
    FAILED = "error"
