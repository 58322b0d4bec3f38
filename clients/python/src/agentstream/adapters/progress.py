"""Sessions, usage and plans as reported by tools, within the server's limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agentstream.adapters.bounds import plain
from agentstream.adapters.builder import label
from agentstream.messages import EntryStatus, Plan, PlanEntry, Session, Usage, UsageLimit

MAX_ENTRIES = 200
MAX_STEP = 4_000
MAX_TOKENS = 10**15
MAX_COST = 1_000_000.0
MAX_FOLDER = 4_096
MAX_SHARE = 1_000.0
MAX_LIMITS = 10


@dataclass
class Sessions:
    """A tool's current session. `resumed` is whether the first one continues an earlier one."""

    run: str
    resumed: bool = False
    current: str | None = None
    _first: str | None = None

    def enter(self, session: object, model: object = None, cwd: object = None) -> Iterator[Session]:
        """Enter a session; reported if it is a new one."""
        name = label(session)
        if name is None or name == self.current:
            return
        change: Any = "cleared" if self.current else "resumed" if self.resumed else "started"
        self._first = self._first or name
        self.current = name
        folder = plain(cwd) if isinstance(cwd, str) and len(cwd) <= MAX_FOLDER else None
        yield Session(plain(name), change, model=label(model), cwd=folder)

    def compacted(self) -> Iterator[Session]:
        """The session's context was compacted."""
        if self.current:
            yield Session(plain(self.current), "compacted")

    @property
    def counted(self) -> str | None:
        """The name for totals that count from this run: a resumed session's own name has earlier totals."""
        if self.current and self.resumed and self.current == self._first:
            return f"{self.current[:150]}/{self.run[:36]}"
        return self.current


def usage(session: str | None, model: object, **told: object) -> Usage:
    """A usage report of those totals that are numbers the server accepts."""
    tokens = {name: value if _is_count(value) else None for name, value in told.items() if name != "cost_usd"}
    cost = told.get("cost_usd")
    is_cost = isinstance(cost, (int, float)) and not isinstance(cost, bool) and 0 <= cost <= MAX_COST
    return Usage(session and plain(session), label(model), cost_usd=float(cost) if is_cost else None, **tokens)  # type: ignore[arg-type]


def allowance(info: dict[str, Any]) -> UsageLimit | None:
    """One of the account's allowances as reported by Claude Code; None if it doesn't say how much is used."""
    name, share, resets_at = (info.get(key) for key in ("rateLimitType", "utilization", "resetsAt"))
    if not isinstance(name, str) or not name or not isinstance(share, (int, float)) or not 0 <= share <= MAX_SHARE:
        return None
    try:
        moment = datetime.fromtimestamp(resets_at, UTC) if type(resets_at) is int and resets_at >= 0 else None
    except (OverflowError, ValueError, OSError):
        moment = None
    return UsageLimit(plain(name[:100]), 100.0 * share, moment)


def total(*counts: object) -> int:
    """The sum of the values that are valid counts."""
    return sum(count for count in counts if _is_count(count))  # type: ignore[misc]


def plan(steps: Iterator[tuple[object, object]]) -> Plan:
    """A plan from (content, status) pairs. Unknown statuses become pending; cancelled steps are omitted."""
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
