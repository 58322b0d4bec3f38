"""The audit log: who did what, when, with which credential and from which address. Entries are never changed; retention
removes old ones."""

import json
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum, auto
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.actor import Actor, present_actor
from accounts.models import ADDRESS_LENGTH, AuditEntry
from streams.log.retention import TrustedClock

logger = logging.getLogger("agentstream.audit")

TEXT_LENGTH = 200  # of names and targets
STEP = 1_000  # entries removed in one transaction
SHARE = 20  # a round removes at most one entry in this many, but always up to STEP
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)  # of times in searches
PAGE = 100
MAX_PAGE = 500


class Action(StrEnum):
    """The actions that are recorded."""

    SIGNED_IN = auto()
    SIGN_IN_FAILED = auto()
    SIGNED_OUT = auto()
    PASSWORD_CHANGED = auto()
    DEVICE_APPROVED = auto()
    DEVICE_DENIED = auto()
    DEVICE_FAILED = auto()
    TOKEN_CREATED = auto()
    TOKEN_CHANGED = auto()
    TOKEN_NEW_ADDRESS = auto()
    TOKEN_DELETED = auto()
    INVITED = auto()
    INVITATION_REVOKED = auto()
    INVITATION_FAILED = auto()
    JOINED = auto()
    MEMBER_ADDED = auto()
    ROLE_CHANGED = auto()
    MEMBER_REMOVED = auto()
    WORKSPACE_CREATED = auto()
    WORKSPACE_RENAMED = auto()
    WORKSPACE_DELETED = auto()
    AGENT_CREATED = auto()
    AGENT_RENAMED = auto()
    AGENT_DELETED = auto()
    WEBHOOK_CREATED = auto()
    WEBHOOK_CHANGED = auto()
    WEBHOOK_DELETED = auto()
    INPUT_SENT = auto()
    ANSWERED = auto()
    INTERRUPTED = auto()
    STOPPED = auto()


@dataclass(frozen=True)
class Deed:
    """An action to record. `target` names its object; `detail` is small and JSON-serializable."""

    action: Action
    workspace_id: uuid.UUID | None = None
    target: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    actor: Actor | None = None


def record(
    action: Action,
    *,
    workspace_id: uuid.UUID | None = None,
    target: str = "",
    detail: dict[str, Any] | None = None,
    actor: Actor | None = None,
) -> None:
    """Record an action of the current actor, or of the one given. Call this in the transaction of the change, so that
    neither is stored without the other."""
    record_many([Deed(action, workspace_id, target, detail or {}, actor)])


def record_many(deeds: Sequence[Deed]) -> None:
    """Record several actions at once."""
    if not deeds:
        return
    now = timezone.now()
    entries = AuditEntry.objects.bulk_create([_entry(deed, deed.actor or present_actor(), now) for deed in deeds])
    transaction.on_commit(lambda: _log(entries))


def _entry(deed: Deed, actor: Actor, now: datetime) -> AuditEntry:
    return AuditEntry(
        time=now,
        actor_id=actor.user_id,
        actor=bounded(actor.name),
        via=bounded(actor.via),
        address=bounded(actor.address)[:ADDRESS_LENGTH],
        action=deed.action,
        workspace_id=deed.workspace_id,
        target=bounded(deed.target),
        detail={key: bounded(value) if isinstance(value, str) else value for key, value in deed.detail.items()},
    )


def bounded(text: str) -> str:
    """Untrusted text as the log stores it: truncated, and without unprintable characters."""
    text = text[:TEXT_LENGTH]
    return text if text.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in text)


def _log(entries: Sequence[AuditEntry]) -> None:
    for entry in entries:
        logger.info(json.dumps(as_json(entry)))


def as_json(entry: AuditEntry) -> dict[str, Any]:
    """An entry as in the API, exports and log lines."""
    return {
        "id": entry.pk,
        "time": entry.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "actor": entry.actor,
        "actorId": entry.actor_id,
        "via": entry.via,
        "address": entry.address,
        "action": entry.action,
        "workspace": str(entry.workspace_id) if entry.workspace_id else None,
        "target": entry.target,
        "detail": entry.detail,
    }


@dataclass(frozen=True)
class Search:
    """Selects entries; None matches anything. `until` is exclusive."""

    workspace_id: uuid.UUID | None = None
    actor: str | None = None
    action: Action | None = None
    since: datetime | None = None
    until: datetime | None = None

    def entries(self, before: int | None = None, limit: int = PAGE) -> list[AuditEntry]:
        """The newest `limit` matching entries, newest first; `before` selects smaller ids."""
        found: QuerySet[AuditEntry] = AuditEntry.objects.order_by("-pk")
        given = {
            "workspace_id": self.workspace_id,
            "actor": self.actor,
            "action": self.action,
            "time__gte": self.since,
            "time__lt": self.until,
            "pk__lt": before,
        }
        return list(found.filter(**{key: value for key, value in given.items() if value is not None})[:limit])


class AuditRetention:
    """Removes entries older than AUDIT_DAYS, a bounded share at a time, and none while the clock isn't trusted."""

    def __init__(self) -> None:
        self._clock = TrustedClock()

    def run(self) -> int:
        """One round; returns how many were removed."""
        if not settings.AUDIT_DAYS or not self._clock.trusted():
            return 0
        old = AuditEntry.objects.filter(time__lt=timezone.now() - timedelta(days=settings.AUDIT_DAYS))
        first = list(old.order_by("pk").values_list("pk", flat=True)[: max(AuditEntry.objects.count() // SHARE, STEP)])
        for start in range(0, len(first), STEP):
            AuditEntry.objects.remove(first[start : start + STEP])
        return len(first)
