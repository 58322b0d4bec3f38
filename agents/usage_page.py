"""What the usage page shows of a workspace: totals, days, agents and models, each with its share of the largest."""

import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from agents.models import UsageShare
from agents.usage_sums import KEYS, By, sums_of_workspace
from streams import log

MOST = 50  # rows of a table; the others are summed up in one more

Sums = dict[str, Any]  # as in the API


@dataclass(frozen=True)
class Row:
    label: str
    sums: Sums
    percent: float  # of the largest row of its table
    agent_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Bar:
    """A day of the chart, in the units of its drawing: 10 wide, 100 high."""

    day: date
    sums: Sums
    tokens: int
    left: int
    top: float
    height: float


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    highest: Bar
    width: int


@dataclass(frozen=True)
class Usage:
    """From the first day to the last, UTC. Bars compare costs if all models have some, otherwise tokens."""

    first: date
    last: date
    total: Sums
    by_cost: bool
    without_cost: list[str]  # models
    chart: Chart
    days: list[Row]
    agents: list[Row]
    models: list[Row]


def usage_of(workspace_id: uuid.UUID, last: date, days: int) -> Usage | None:
    """What was used in so many days up to the last one; None if nothing was."""
    first = last - timedelta(days=days - 1)
    with log.snapshot():
        by_day, by_agent, by_model = [
            sums_of_workspace(workspace_id, first, last, [by])["usage"] for by in (By.DAY, By.AGENT, By.MODEL)
        ]
    if not by_day:
        return None
    without_cost = [_label(sums) for sums in by_model if "costUsd" not in sums]
    scale = Scale(by_cost=not without_cost)
    return Usage(
        first,
        last,
        _added(by_day),
        scale.by_cost,
        without_cost,
        scale.chart(by_day, first, days),
        scale.rows(by_day[::-1]),
        scale.rows(scale.ranked(by_agent)),
        scale.rows(scale.ranked(by_model)),
    )


def has_usage(workspace_id: uuid.UUID) -> bool:
    """Whether any was ever reported."""
    return UsageShare.objects.filter(agent__workspace=workspace_id).exists()


@dataclass(frozen=True)
class Scale:
    """What bars compare: costs, or tokens."""

    by_cost: bool

    def size(self, sums: Sums) -> float:
        # Corrections of earlier reports can leave less than nothing for a day.
        return max(0, sums.get("costUsd", 0) if self.by_cost else _tokens(sums))

    def largest(self, found: list[Sums]) -> float:
        return max(map(self.size, found)) or 1

    def ranked(self, found: list[Sums]) -> list[Sums]:
        """The largest first; what is beyond MOST as one."""
        found = sorted(found, key=lambda sums: (self.size(sums), _tokens(sums)), reverse=True)
        rest = found[MOST:]
        return found[:MOST] + ([{"others": len(rest), **_added(rest)}] if rest else [])

    def rows(self, found: list[Sums]) -> list[Row]:
        largest = self.largest(found)
        return [Row(_label(sums), sums, 100 * self.size(sums) / largest, sums.get("agentId")) for sums in found]

    def chart(self, found: list[Sums], first: date, days: int) -> Chart:
        sums_of, largest = {sums["day"]: sums for sums in found}, self.largest(found)
        bars = []
        for n in range(days):
            day = first + timedelta(days=n)
            sums = sums_of.get(day, {})
            height = 100 * self.size(sums) / largest
            bars.append(Bar(day, sums, _tokens(sums), 10 * n, 100 - height, height))
        return Chart(bars, max(bars, key=lambda bar: bar.height), 10 * days)


def _tokens(sums: Sums) -> int:
    tokens: int = sums.get("inputTokens", 0) + sums.get("outputTokens", 0)
    return tokens


def _added(found: list[Sums]) -> Sums:
    keys = [*KEYS.values(), "costUsd"]
    added = {key: sum(sums.get(key, 0) for sums in found) for key in keys if any(key in sums for sums in found)}
    guessed = {"estimated": True} if any("estimated" in sums for sums in found) else {}
    return added | guessed


def _label(sums: Sums) -> str:
    match sums:
        case {"others": number}:
            return f"{number} others"
        case {"day": day}:
            return f"{day:%b} {day.day}, {day.year}"
        case {"agentName": name}:
            return str(name)
    return sums["model"] or "Model not reported"
