"""The channel layer between processes."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer


class SharedLayer(RedisPubSubChannelLayer):  # type: ignore[misc]
    """Channels' Redis layer, which sends many messages for the price of one round trip.

    That layer waits for Redis's answer to each message before it sends the next: some 3,000 a second at most, fewer
    than a process commits events.
    """

    async def group_send_many(self, messages: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """`group_send` for each (group, message), in order."""
        layer = self._get_layer()
        parcels: defaultdict[Any, list[tuple[str, bytes]]] = defaultdict(list)
        for group, message in messages:
            name = layer._get_group_channel_name(group)
            parcels[layer._get_shard(name)].append((name, self.serialize(message)))
        for shard, parcel in parcels.items():
            async with shard._lock:
                shard._ensure_redis()
                pipeline = shard._redis.pipeline(transaction=False)
                for name, data in parcel:
                    pipeline.publish(name, data)
                await pipeline.execute()
