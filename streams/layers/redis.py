"""The channel layer between processes."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer

from streams.layers.encryption import FORMAT, ForeignMessageError
from streams.metrics import FOREIGN_MESSAGES

logger = logging.getLogger(__name__)

COMPLAIN_EVERY = 60.0  # seconds between two log lines about foreign messages


class SharedLayer(RedisPubSubChannelLayer):  # type: ignore[misc]
    """Channels' Redis layer, changed to send many messages in one round trip and to ignore foreign ones.

    The original waits for Redis's answer to each message before it sends the next: some 3,000 a second at most, fewer
    than a process commits events. And a message that it can't decrypt raises in the receiver. Here, messages that
    aren't encrypted with one of the `symmetric_encryption_keys`, or are more than a minute old, are ignored.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, serializer_format=FORMAT, **kwargs)
        self._complain_at = 0.0

    async def receive(self, channel: str) -> dict[str, Any]:
        """The next message to `channel` from one of our processes."""
        while True:
            try:
                message: dict[str, Any] = await self._get_layer().receive(channel)
            except ForeignMessageError:
                self._note_foreign()
                await asyncio.sleep(0)  # a flood of them must not block the event loop
            else:
                return message

    async def group_send_many(self, messages: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """`group_send` for each (group, message), in order."""
        layer = self._get_layer()
        batches: defaultdict[Any, list[tuple[str, bytes]]] = defaultdict(list)
        for group, message in messages:
            name = layer._get_group_channel_name(group)
            batches[layer._get_shard(name)].append((name, self.serialize(message)))
        for shard, batch in batches.items():
            async with shard._lock:
                shard._ensure_redis()
                pipeline = shard._redis.pipeline(transaction=False)
                for name, data in batch:
                    pipeline.publish(name, data)
                await pipeline.execute()

    def _note_foreign(self) -> None:
        FOREIGN_MESSAGES.inc()
        if time.monotonic() >= self._complain_at:
            self._complain_at = time.monotonic() + COMPLAIN_EVERY
            logger.warning(
                "ignored a message on Redis that is too old or not encrypted with our key: either a process has "
                "another SECRET_KEY or a wrong clock, or another program writes to this Redis"
            )
