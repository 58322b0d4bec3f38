"""The channel layer of a single process."""

import asyncio
import time
from contextlib import suppress
from copy import copy
from typing import Any

from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer

CLEAN_EVERY = 1.0  # seconds between two searches for expired messages


class LocalLayer(InMemoryChannelLayer):
    """Channels' in-memory layer without its cost per message: that layer scans all groups and channels
    at every `group_send` and every `receive`, deep-copies messages and creates a task for each receiver.

    Receivers share the message's contents, so they must not change them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clean_at = 0.0

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """Raises ChannelFull if nobody is receiving."""
        self.require_valid_channel_name(channel)
        self._put(channel, message)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.require_valid_group_name(group)
        self._clean_expired()
        for channel in tuple(self.groups.get(group, ())):
            with suppress(ChannelFull):  # as in every layer, a group's slow members lose messages
                self._put(channel, message)

    def _put(self, channel: str, message: dict[str, Any]) -> None:
        queue = self.channels.get(channel)
        if queue is None:
            queue = self.channels[channel] = asyncio.Queue(maxsize=self.get_capacity(channel))
        try:
            queue.put_nowait((time.time() + self.expiry, copy(message)))
        except asyncio.QueueFull:
            raise ChannelFull(channel) from None

    def _clean_expired(self) -> None:
        now = time.monotonic()
        if now >= self._clean_at:
            self._clean_at = now + CLEAN_EVERY
            super()._clean_expired()  # type: ignore[misc]
