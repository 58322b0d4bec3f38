"""Broadcasts the engine's signals: `group_send` to the groups named after the streams (`agent.<id>`, …)."""

from collections.abc import Collection
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.dispatch import receiver

from streams.broker import HUBS_GROUP, AccessChanged, Message, StreamAppended, StreamDropped, configured_broker
from streams.runtime import Runtime
from streams.signals import EventBatch, access_changed, events_appended, streams_dropped


@receiver(events_appended)
def broadcast_events(batches: list[EventBatch], **kwargs: Any) -> None:
    _broadcast([(batch.stream, StreamAppended.of(batch)) for batch in batches])


@receiver(streams_dropped)
def broadcast_dropped(names: list[str], **kwargs: Any) -> None:
    _broadcast([(name, StreamDropped(name)) for name in names])


@receiver(access_changed)
def broadcast_access(user_ids: Collection[int], **kwargs: Any) -> None:
    _broadcast([(HUBS_GROUP, AccessChanged(sorted(user_ids)))])


def _broadcast(messages: list[tuple[str, Message]]) -> None:
    """Publish by a runtime of this process; a process without one, such as a command, publishes by itself."""
    for runtime in Runtime.running():
        runtime.publish_soon(messages)
        return
    if not isinstance(get_channel_layer(), InMemoryChannelLayer):  # in memory nobody else could hear it
        async_to_sync(_publish)(messages)


async def _publish(messages: list[tuple[str, Message]]) -> None:
    await configured_broker().publish_now(messages)
