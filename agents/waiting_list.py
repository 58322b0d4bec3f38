"""The agents that need a user, in all of their workspaces, as every page's header lists them."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.scopes import Limits
from agents.models import Agent, Request, Seen, Status
from agents.needs import Need, needs
from workspaces.access import visible_workspaces

LISTED = 50  # agents; all are counted


@dataclass(frozen=True, slots=True)
class Waiting:
    """An agent that needs a user. `asks` is the title of its oldest open request; empty if there is none."""

    agent_id: uuid.UUID
    name: str
    workspace_id: uuid.UUID
    workspace_name: str
    needs: Need
    status_seq: int
    since: datetime
    asks: str


def waiting_for(user_id: int, limits: Limits | None = None) -> tuple[int, list[Waiting]]:
    """How many agents need the user to do something, and those that have waited longest; failed ones come last.

    Those that have only finished are left out: there is nothing to do.
    """
    homes: dict[uuid.UUID, str] = dict(visible_workspaces(user_id, limits).values_list("pk", "name"))
    found = [
        waiting
        for row in _candidates(user_id).filter(workspace__in=homes).values(*FIELDS)
        if limits is None or limits.for_agent(row["workspace_id"], row["name"])
        if (waiting := _waiting(row, homes))
    ]
    found.sort(key=lambda one: (one.needs in (Need.FAILED, Need.LOST), one.since))
    listed = found[:LISTED]
    titles = _titles([one.agent_id for one in listed])
    return len(found), [replace(one, asks=titles.get(one.agent_id, "")) for one in listed]


FIELDS = (
    "pk", "name", "workspace_id", "status", "reason", "status_seq", "updated_at", "seen", "dismissed", "asked"
)  # fmt: skip


def _candidates(user_id: int) -> QuerySet[Agent]:
    """The agents that may need the user; `needs` decides."""
    mine = Seen.objects.filter(user=user_id, agent=OuterRef("pk"))
    asked = Request.objects.filter(agent=OuterRef("pk"), outcome="").order_by("pk")
    agents = Agent.objects.filter(archived_at=None).annotate(
        seen=Coalesce(Subquery(mine.values("seq")), Value(0)),
        dismissed=Coalesce(Subquery(mine.values("dismissed")), Value(0)),
        asked=Subquery(asked.values("created_at")[:1]),
    )
    turned = Q(status=Status.IDLE, status_seq__gt=F("seen"))
    broken = Q(status__in=[Status.ERROR, Status.OFFLINE], status_seq__gt=F("dismissed"))
    return agents.filter(Q(asked__isnull=False) | Q(status=Status.WAITING) | turned | broken)


def _waiting(row: dict[str, Any], homes: dict[uuid.UUID, str]) -> Waiting | None:
    asked = row["asked"]
    state = {
        "requests": [asked] if asked else [],
        "status": row["status"],
        "reason": row["reason"],
        "statusSeq": row["status_seq"],
    }
    need = needs(state, row["seen"], row["dismissed"])
    if need is None:
        return None
    place = (row["workspace_id"], homes[row["workspace_id"]])
    return Waiting(row["pk"], row["name"], *place, need, row["status_seq"], asked or row["updated_at"], "")


def _titles(agent_ids: list[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The title of each agent's oldest open request."""
    rows = Request.objects.filter(agent__in=agent_ids, outcome="").order_by("-pk")
    return dict(rows.values_list("agent", "title"))
