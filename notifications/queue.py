"""The deliveries that are due: who claims one sends it, and nothing of the same webhook and agent overtakes it."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import Enum

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from notifications.models import Delivery, DeliveryState, Webhook

CLAIM_SECONDS = 30.0  # longer than any exchange takes
KEPT = 100  # ended deliveries of a webhook that are kept
MAX_PENDING = 20_000  # of one webhook; beyond it the oldest are given up
TRIM_SECONDS = 60.0
STEP = 500  # rows removed in one transaction

# The pauses after failed attempts, in units of WEBHOOK_RETRY_SECONDS; the last one repeats.
BACKOFF = (1, 3, 12, 60, 180, 360, 720)
GIVE_UP = timedelta(hours=24)


class Ending(Enum):
    """Why a delivery is given up, as people read it."""

    TOO_OLD = "It could not be delivered for 24 hours."
    TRIMMED = "The event is no longer stored."
    FULL = f"More than {MAX_PENDING} deliveries were waiting."
    STOPPED = "The webhook was stopped."


def pending() -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=DeliveryState.PENDING)


def _due(now: datetime) -> QuerySet[Delivery]:
    """The deliveries that may be sent now, each the first of its webhook and agent."""
    earlier = pending().filter(webhook=OuterRef("webhook"), agent=OuterRef("agent"), seq__lt=OuterRef("seq"))
    return pending().filter(~Exists(earlier), due_at__lte=now, webhook__stopped="").order_by("due_at")


def _locked(due: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Those that no other process is claiming at this moment. On SQLite only one can."""
    return due.select_for_update(of=("self",), skip_locked=True) if connection.vendor == "postgresql" else due


def claim(limit: int, busy: Counter[object], per_webhook: int) -> list[Delivery]:
    """Up to `limit` deliveries that are due, now claimed by the caller: the first of each webhook and agent.

    `busy` counts by webhook what the caller is sending already; each may have `per_webhook`.
    """
    now = timezone.now()
    if limit <= 0 or not _due(now).exists():  # takes no write lock
        return []
    claimed: list[Delivery] = []
    with transaction.atomic():
        counts = Counter(busy)
        for delivery in _locked(_due(now))[: limit + sum(busy.values()) + STEP]:
            if len(claimed) < limit and counts[delivery.webhook_id] < per_webhook:
                counts[delivery.webhook_id] += 1
                claimed.append(delivery)
        _extend(claimed, now)
    return claimed


def next_in_line(delivery: Delivery) -> Delivery | None:
    """The next delivery of the same webhook and agent, claimed, unless another process has claimed it."""
    now = timezone.now()
    with transaction.atomic():
        following = _locked(_due(now).filter(webhook=delivery.webhook_id, agent=delivery.agent_id)).first()
        if following:
            _extend([following], now)
    return following


def _extend(claimed: Collection[Delivery], now: datetime) -> None:
    until = now + timedelta(seconds=CLAIM_SECONDS)
    pending().filter(pk__in=[one.pk for one in claimed]).update(due_at=until, attempts=F("attempts") + 1)
    for one in claimed:
        one.attempts += 1


def retry_at(delivery: Delivery, now: datetime, jitter: float, asked: float = 0.0) -> datetime:
    """When to try again after a failed attempt. `jitter` is between 0 and 1, `asked` what the receiver asked for, in
    seconds."""
    unit = settings.WEBHOOK_RETRY_SECONDS
    pause = BACKOFF[min(delivery.attempts, len(BACKOFF)) - 1] * unit
    return now + timedelta(seconds=max(pause * (0.8 + 0.4 * jitter), min(asked, BACKOFF[-1] * unit)))


def give_up(deliveries: QuerySet[Delivery], why: Ending) -> int:
    return deliveries.update(state=DeliveryState.DEAD, ended_at=timezone.now(), answer=why.value)


def trim() -> None:
    """Give up what is too old or too many, and remove what ended long ago."""
    give_up(pending().filter(created_at__lt=timezone.now() - GIVE_UP, due_at__lte=timezone.now()), Ending.TOO_OLD)
    for webhook in Webhook.objects.all():
        mine = Delivery.objects.filter(webhook=webhook).order_by("-pk")
        oldest = mine.filter(state=DeliveryState.PENDING).values_list("pk", flat=True)[MAX_PENDING : MAX_PENDING + STEP]
        give_up(Delivery.objects.filter(pk__in=list(oldest)), Ending.FULL)
        ended = mine.exclude(state=DeliveryState.PENDING).values_list("pk", flat=True)
        while past := list(ended[KEPT : KEPT + STEP]):
            Delivery.objects.filter(pk__in=past).delete()
