"""Sessions, usage and plans as tools tell them, within what the server takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agentstream.adapters.bounds import plain
from agentstream.adapters.builder import label
from agentstream.messages import EntryStatus, Plan, PlanEntry, Session, Usage

MAX_ENTRIES = 200
MAX_STEP = 4_000
MAX_TOKENS = 10**15
MAX_COST = 1_000_000.0
MAX_FOLDER = 4_096


@dataclass
class Sessions:
    """The session a tool is in. `resumed` is whether the first is one of before."""

    run: str
    resumed: bool = False
    current: str | None = None
    _first: str | None = None

    def enter(self, session: object, model: object = None, cwd: object = None) -> Iterator[Session]:
        """The tool is in this session; told if that is new."""
        name = label(session)
        if name is None or name == self.current:
            return
        change: Any = "cleared" if self.current else "resumed" if self.resumed else "started"
        self._first = self._first or name
        self.current = name
        folder = plain(cwd) if isinstance(cwd, str) and len(cwd) <= MAX_FOLDER else None
        yield Session(plain(name), change, model=label(model), cwd=folder)

    def compacted(self) -> Iterator[Session]:
        """Its context was summed up."""
        if self.current:
            yield Session(plain(self.current), "compacted")

    @property
    def counted(self) -> str | None:
        """Under which name to report totals that begin with this run: not those of the session that it resumes."""
        if self.current and self.resumed and self.current == self._first:
            return f"{self.current[:150]}/{self.run[:36]}"
        return self.current


def usage(session: str | None, model: object, **told: object) -> Usage:
    """A report of the totals that are numbers the server takes."""
    tokens = {name: value if _is_count(value) else None for name, value in told.items() if name != "cost_usd"}
    cost = told.get("cost_usd")
    is_cost = isinstance(cost, (int, float)) and not isinstance(cost, bool) and 0 <= cost <= MAX_COST
    return Usage(session and plain(session), label(model), cost_usd=float(cost) if is_cost else None, **tokens)  # type: ignore[arg-type]


def total(*counts: object) -> int:
    """The sum of those that are counts."""
    return sum(count for count in counts if _is_count(count))  # type: ignore[misc]


def plan(steps: Iterator[tuple[object, object]]) -> Plan:
    """Of (content, status); what is neither done nor begun is pending. Cancelled steps are left out."""
    return Plan(
        tuple(
            PlanEntry(plain(content)[:MAX_STEP], _status(status))
            for content, status in steps
            if isinstance(content, str) and content and status != "cancelled"
        )[:MAX_ENTRIES]
    )


def _status(status: object) -> EntryStatus:
    match status:
        case "completed" | "in_progress":
            return status
        case _:
            return "pending"


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_TOKENS
