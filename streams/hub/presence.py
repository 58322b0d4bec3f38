"""Presence: who is following a stream now, on all processes. Queried on demand, stored nowhere."""

import asyncio
import logging
import uuid
from collections.abc import Mapping

from streams.broker import HUBS_GROUP, Broker, PresenceQuery, PresenceReply
from streams.hub.feed import Feed

logger = logging.getLogger(__name__)

REPLY_SECONDS = 0.3  # for the other processes to answer


class Presence:
    """Queries other processes and answers their queries. A user with two tabs is one viewer."""

    def __init__(self, broker: Broker, feeds: Mapping[str, Feed]) -> None:
        self._broker = broker
        self._feeds = feeds
        self._queries: dict[str, dict[int, str]] = {}

    async def viewers(self, stream: str) -> dict[int, str]:
        """All viewers of `stream`."""
        channel = self._broker.channel
        if channel is None or self._broker.alone:
            return self._local(stream)
        query = uuid.uuid4().hex
        found = self._queries[query] = self._local(stream)
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                await self._broker.publish_now([(HUBS_GROUP, PresenceQuery(stream, query, channel))])
                await asyncio.sleep(REPLY_SECONDS)
        except TimeoutError:
            pass
        finally:
            del self._queries[query]
        return found

    async def answer(self, query: PresenceQuery) -> None:
        """Tell another process who follows the stream here."""
        viewers = self._local(query.stream)
        if viewers and query.query not in self._queries:
            try:
                await self._broker.send(query.reply_to, PresenceReply(query.query, list(viewers.items())))
            except Exception as error:
                logger.debug("cannot report who follows %s: %s", query.stream, error)

    def receive(self, reply: PresenceReply) -> None:
        """Add another process's reply if it comes in time."""
        self._queries.get(reply.query, {}).update((key, name) for key, name in reply.viewers)

    def _local(self, stream: str) -> dict[int, str]:
        feed = self._feeds.get(stream)
        viewers = [cursor.follower.viewer for cursor in feed.cursors] if feed else []
        return {viewer.id: viewer.name for viewer in viewers}
