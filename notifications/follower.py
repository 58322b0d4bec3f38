"""Follows the log and enters what webhooks are told into their queues."""

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from django.db import transaction

from agents.models import Agent, Request
from notifications.models import Delivery, HighContext, Webhook
from notifications.occasions import TYPES, Occasion, occasion_of
from streams.plugin import Follower, LoggedEvent, Start
from streams.protocol import clock


@dataclass(frozen=True)
class Occurrence:
    event: LoggedEvent
    payload: dict[str, Any]
    occasion: Occasion


class WebhookFollower(Follower):
    """Handing an event over again changes nothing: a webhook has one delivery of each."""

    name = "webhooks"
    kinds = ("agent",)
    types = TYPES
    start = Start.NEWEST

    def handle(self, stream: str, stream_id: int, events: Sequence[LoggedEvent]) -> None:
        if not Webhook.objects.filter(stopped="").exists():
            return
        occurrences = list(_occurrences(events))
        agent = Agent.objects.filter(pk=uuid.UUID(stream.partition(".")[2])).first() if occurrences else None
        if agent is None:
            return
        for webhook in Webhook.objects.filter(workspace=agent.workspace_id, stopped=""):
            if not webhook.agents or fnmatchcase(agent.name, webhook.agents):
                _enter(webhook, agent, occurrences)


def _occurrences(events: Sequence[LoggedEvent]) -> Iterator[Occurrence]:
    for event in events:
        payload = json.loads(event.payload)
        if occasion := occasion_of(event.type, payload):
            yield Occurrence(event, payload, occasion)


@transaction.atomic
def _enter(webhook: Webhook, agent: Agent, occurrences: Sequence[Occurrence]) -> None:
    since = clock.as_milliseconds(webhook.created_at)
    wanted = [one for one in occurrences if one.occasion in webhook.occasions and one.event.time >= since]
    asking = _asking(agent, [one.event.seq for one in wanted if one.occasion is Occasion.WAITING])
    level = [one for one in wanted if one.occasion is Occasion.CONTEXT]
    rising = set(_rising(webhook, agent, level)) if level else set()
    told = [
        one
        for one in wanted
        if one.event.seq not in asking and (one.occasion is not Occasion.CONTEXT or one.event.seq in rising)
    ]
    Delivery.objects.bulk_create([_delivery(webhook, agent, one) for one in told], ignore_conflicts=True)


def _asking(agent: Agent, waiting: Sequence[int]) -> set[int]:
    """The seqs at which it began to wait because of a request, which people are told of anyway. The two are recorded
    together."""
    if not waiting:
        return set()
    asked = Request.objects.filter(agent=agent, seq__in=[seq + beside for seq in waiting for beside in (-1, 1)])
    found = set(asked.values_list("seq", flat=True))
    return {seq for seq in waiting if found & {seq - 1, seq + 1}}


def _rising(webhook: Webhook, agent: Agent, occurrences: Sequence[Occurrence]) -> Iterator[int]:
    """The seqs of the events with which the level reached the webhook's limit from below."""
    mine = HighContext.objects.filter(webhook=webhook, agent=agent)
    was_high = high = mine.exists()
    for one in occurrences:
        now_high = one.payload["contextLevel"] >= webhook.context_level
        if now_high and not high:
            yield one.event.seq
        high = now_high
    if high and not was_high:
        HighContext.objects.bulk_create([HighContext(webhook=webhook, agent=agent)], ignore_conflicts=True)
    elif was_high and not high:
        mine.delete()


def _delivery(webhook: Webhook, agent: Agent, one: Occurrence) -> Delivery:
    time = clock.as_datetime(one.event.time)
    return Delivery(
        webhook=webhook, agent=agent, seq=one.event.seq, occasion=one.occasion, created_at=time, due_at=time
    )
