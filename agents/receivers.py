"""Broadcasts what the agent service has recorded over the channel layer: `group_send` to `agent.<id>` and
`workspace.<id>`."""

from typing import Any

from django.dispatch import receiver

from agents.signals import agent_deleted, events_recorded
from streams import broker
from streams.log import News


@receiver(events_recorded)
def broadcast_events(news: list[News], **kwargs: Any) -> None:
    broker.ring(news)


@receiver(agent_deleted)
def broadcast_deleted(stream: str, **kwargs: Any) -> None:
    broker.ring_dropped([stream])
