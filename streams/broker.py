"""The bell: tells every process, over the channel layer, that the log has grown or that access has changed.

Losing a message here costs a second of delay and never an event, because hubs compare themselves with the log. So
nothing in this module may fail a write that is already committed: trouble is logged, once per outage.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer

from streams.conf import channel_layer, conf
from streams.log import News

logger = logging.getLogger(__name__)

HUBS_GROUP = "hubs"  # where every process listens, whatever is watched there
QUEUE = 10_000  # messages waiting for a channel layer that hangs; beyond that the oldest are dropped
PARCEL = 200  # messages that are sent together at most

Message = tuple[str, dict[str, Any]]


class Bell:
    """Sends messages to groups, in order, from one event loop."""

    _of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, "Bell"] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Message] = deque(maxlen=QUEUE)
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    @classmethod
    def here(cls) -> "Bell":
        """The bell of the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in cls._of_loop:
            cls._of_loop[loop] = cls(loop)
        return cls._of_loop[loop]

    @classmethod
    def anywhere(cls) -> "Bell | None":
        """The bell of some loop that is running in this process, for callers in other threads."""
        return next((bell for loop, bell in list(cls._of_loop.items()) if loop.is_running()), None)

    def ring_soon(self, messages: list[Message]) -> None:
        """`ring`, from any thread."""
        self._loop.call_soon_threadsafe(self.ring, messages)

    def ring(self, messages: list[Message]) -> None:
        self._waiting.extend(messages)
        if self._task is None:
            self._task = self._loop.create_task(self._send())

    async def _send(self) -> None:
        try:
            while self._waiting:
                await self.send([self._waiting.popleft() for _ in range(min(PARCEL, len(self._waiting)))])
        finally:
            self._task = None

    async def send(self, messages: list[Message]) -> None:
        """Send now, all at once where the layer can."""
        layer = channel_layer()
        try:
            # Of SharedLayer, which is not imported here: it loads Redis's driver, a tenth of a second at every start.
            send_many = getattr(layer, "group_send_many", None)
            if send_many:
                await send_many(messages)
            else:
                for group, message in messages:
                    await layer.group_send(group, message)
        except Exception as error:
            if not self._failing:
                logger.warning("channel layer unavailable, viewers now rely on polling: %s", error)
            self._failing = True
        else:
            if self._failing:
                logger.warning("channel layer available again")
            self._failing = False


def ring(news: Iterable[News]) -> None:
    """Tell every process that streams have grown."""
    _send([(item.stream, _news_message(item)) for item in news])


def ring_dropped(names: Iterable[str]) -> None:
    """Tell every process that streams have ended."""
    _send([(name, {"type": "stream.dropped", "stream": name}) for name in names])


def ring_access(user_ids: Iterable[int]) -> None:
    """Tell every process that what these users may do, or whether they are signed in, has changed."""
    _send([(HUBS_GROUP, {"type": "access.changed", "users": sorted(user_ids)})])


def _news_message(news: News) -> dict[str, Any]:
    text = "\n".join(news.texts)
    if len(text) > conf().WINDOW_BYTES:
        text = ""  # too big to be worth carrying: hubs read it from the log
    return {"type": "stream.news", "stream": news.stream, "first": news.first, "last": news.last, "text": text}


def _send(messages: list[Message]) -> None:
    try:
        Bell.here().ring(messages)
        return
    except RuntimeError:  # no event loop runs in this thread
        bell = Bell.anywhere()
    if bell is not None:
        bell.ring_soon(messages)
    elif not isinstance(channel_layer(), InMemoryChannelLayer):
        async_to_sync(_send_now)(messages)


async def _send_now(messages: list[Message]) -> None:
    await Bell(asyncio.get_running_loop()).send(messages)
