"""Stores the usage of one transaction: each report's increase over the one before, by session, day and model."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

from agents.models import UsageShare
from agents.progress import UsageFields
from agents.upsert import upsert
from streams.database import in_chunks

COUNTED = ["input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens", "cost_nanos"]
NANOS = 1_000_000_000  # per dollar: sums and differences of integers are exact


def counts(usage: UsageFields) -> dict[str, int]:
    """A report's numbers, without those it omits."""
    cost = None if usage.cost_usd is None else round(usage.cost_usd * NANOS)
    told = usage.model_dump(include=set(COUNTED)) | {"cost_nanos": cost}
    return {name: value for name, value in told.items() if value is not None}


@dataclass
class SessionUsage:
    """A session's shares, and their totals."""

    shares: dict[tuple[date, str], UsageShare] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)  # only of what was reported

    def add(self, share: UsageShare) -> None:
        self.shares[share.day, share.model] = share
        for name in COUNTED:
            if (value := getattr(share, name)) is not None:
                self.totals[name] = self.totals.get(name, 0) + value


class UsageStore:
    """The usage of sessions whose agents the transaction has locked."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[uuid.UUID, str], SessionUsage] = {}
        self._changed: dict[int, UsageShare] = {}  # by identity

    def load(self, agent_id: uuid.UUID, sessions: Collection[str]) -> None:
        """Read the usage of these sessions so far."""
        missing = sorted(name for name in set(sessions) if (agent_id, name) not in self._sessions)
        self._sessions |= {(agent_id, name): SessionUsage() for name in missing}
        for some in in_chunks(missing):
            for share in UsageShare.objects.filter(agent=agent_id, session__in=some):
                self._sessions[agent_id, share.session].add(share)

    def record(self, agent_id: uuid.UUID, session: str, day: date, model: str, usage: UsageFields) -> None:
        """Record a report for a loaded session: its totals replace those reported before."""
        known = self._sessions[agent_id, session]
        new = {name: total for name, total in counts(usage).items() if total != known.totals.get(name)}
        if not new:
            return
        share = known.shares.get((day, model))
        if share is None:
            share = UsageShare(agent_id=agent_id, session=session, day=day, model=model)
            known.shares[day, model] = share
        for name, total in new.items():
            setattr(share, name, (getattr(share, name) or 0) + total - known.totals.get(name, 0))
        known.totals |= new
        share.estimated = share.estimated or bool(usage.estimated)
        self._changed[id(share)] = share

    def save(self) -> None:
        upsert(UsageShare, self._changed.values(), ["agent", "session", "day", "model"], [*COUNTED, "estimated"])
