"""Sums of usage: per session, per agent, and per workspace, agent, day or model."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any

from django.db.models import FloatField, IntegerField, Max, QuerySet, Sum
from django.db.models.functions import Cast

from agents.models import UsageShare
from agents.usage_store import COUNTED, NANOS

MAX_ROWS = 10_000  # in one response
KEYS = {
    "input_tokens": "inputTokens",
    "cached_input_tokens": "cachedInputTokens",
    "output_tokens": "outputTokens",
    "reasoning_tokens": "reasoningTokens",
}


class By(StrEnum):
    """What sums are grouped by."""

    WORKSPACE = "workspace"
    AGENT = "agent"
    DAY = "day"
    MODEL = "model"


def sums_of_sessions(agent_id: uuid.UUID, names: Collection[str]) -> dict[str, dict[str, Any]]:
    """The totals of these sessions by name, without those that reported none."""
    shares = UsageShare.objects.filter(agent=agent_id, session__in=names)
    return {row["session"]: _numbers(row) for row in _summed(shares, ["session"])}


def sums_of_agent(agent_id: uuid.UUID) -> dict[str, Any]:
    """What all sessions of an agent have used together."""
    return _numbers(UsageShare.objects.filter(agent=agent_id).aggregate(**_sums()))


def sums_of_workspace(workspace_id: uuid.UUID, first: date, last: date, by: Sequence[By]) -> dict[str, Any]:
    """What the workspace's agents used from the first day to the last (UTC): `usage` with at most MAX_ROWS sums, and
    `more`, whether some were omitted."""
    shares = UsageShare.objects.filter(agent__workspace=workspace_id, day__gte=first, day__lte=last)
    keys = [name for key in dict.fromkeys(by) for name in _COLUMNS[key]]
    rows = list(_summed(shares, keys)[: MAX_ROWS + 1]) if keys else [shares.aggregate(**_sums())]
    usage = [_labels(row) | _numbers(row) for row in rows[:MAX_ROWS]]
    return {"from": first, "to": last, "usage": usage, "more": len(rows) > MAX_ROWS}


_COLUMNS: Mapping[By, list[str]] = {
    By.WORKSPACE: [],
    By.AGENT: ["agent__name", "agent_id"],
    By.DAY: ["day"],
    By.MODEL: ["model"],
}
_LABELS = {"agent_id": "agentId", "agent__name": "agentName", "day": "day", "model": "model"}


def _summed(shares: QuerySet[UsageShare], keys: list[str]) -> QuerySet[UsageShare, dict[str, Any]]:
    summed: QuerySet[UsageShare, dict[str, Any]] = shares.order_by(*keys).values(*keys).annotate(**_sums())
    return summed


def _sums() -> dict[str, Any]:
    # As floats, which can't overflow and are exact below 2^53.
    sums: dict[str, Any] = {f"sum_{name}": Sum(Cast(name, FloatField())) for name in COUNTED}
    return sums | {"guessed": Max(Cast("estimated", IntegerField()))}


def _labels(row: Mapping[str, Any]) -> dict[str, Any]:
    return {label: row[name] for name, label in _LABELS.items() if name in row}


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    """The sums as the API returns them, without those that were never reported."""
    numbers: dict[str, Any] = {
        key: int(row[f"sum_{name}"]) for name, key in KEYS.items() if row[f"sum_{name}"] is not None
    }
    if row["sum_cost_nanos"] is not None:
        numbers["costUsd"] = round(row["sum_cost_nanos"] / NANOS, 9)
    return numbers | ({"estimated": True} if row["guessed"] else {})
