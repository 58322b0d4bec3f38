"""Bounds what is stored permanently of an agent's sessions: merges the oldest, without changing any sum."""

import uuid
from collections.abc import Callable
from datetime import date

from django.db.models import Count, QuerySet

from agents.models import Session, UsageShare
from agents.upsert import upsert
from agents.usage_store import COUNTED
from streams.database import IN_ONE_QUERY

KEPT = 10_000  # sessions of an agent that are listed, and shares of usage that keep their session
KEPT_MODELS = 5_000  # shares without a session that keep their model

Key = tuple[date, str]


def overfull() -> set[uuid.UUID]:
    """The agents that have too many sessions or shares."""
    found: set[uuid.UUID] = set()
    for rows, limit in ((Session.objects.all(), KEPT), (_of_sessions(), KEPT), (_of_models(), KEPT_MODELS)):
        counted = rows.values_list("agent").annotate(count=Count("pk")).order_by()
        found |= {agent_id for agent_id, _ in counted.filter(count__gt=limit)}
    return found


def fold(agent_id: uuid.UUID) -> int:
    """One step for a locked agent. Returns how many rows were merged; 0 once there is nothing left to do."""
    ended = Session.objects.filter(agent=agent_id).order_by("-changed_seq")[KEPT : KEPT + IN_ONE_QUERY]
    forgotten, _ = Session.objects.filter(pk__in=list(ended.values_list("pk", flat=True))).delete()
    shares = _merge(agent_id, _of_sessions(), KEPT, lambda share: (share.day, share.model))
    return forgotten + shares + _merge(agent_id, _of_models(), KEPT_MODELS, lambda share: (share.day, ""))


def _of_sessions() -> QuerySet[UsageShare]:
    return UsageShare.objects.exclude(session="")


def _of_models() -> QuerySet[UsageShare]:
    return UsageShare.objects.filter(session="").exclude(model="")


def _merge(agent_id: uuid.UUID, shares: QuerySet[UsageShare], kept: int, key_of: Callable[[UsageShare], Key]) -> int:
    """Add the oldest shares beyond those kept to the shares without a session that have their keys."""
    oldest = list(shares.filter(agent=agent_id).order_by("-day", "-pk")[kept : kept + IN_ONE_QUERY])
    wanted = {key_of(share) for share in oldest}
    known = UsageShare.objects.filter(agent=agent_id, session="", day__in={day for day, _ in wanted})
    merged = {(share.day, share.model): share for share in known if (share.day, share.model) in wanted}
    for share in oldest:
        day, model = key_of(share)
        target = merged.setdefault((day, model), UsageShare(agent_id=agent_id, day=day, model=model))
        for name in COUNTED:
            values = [value for value in (getattr(target, name), getattr(share, name)) if value is not None]
            setattr(target, name, sum(values) if values else None)
        target.estimated |= share.estimated
    UsageShare.objects.filter(pk__in=[share.pk for share in oldest]).delete()
    upsert(UsageShare, merged.values(), ["agent", "session", "day", "model"], [*COUNTED, "estimated"])
    return len(oldest)
