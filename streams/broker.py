"""Publish and subscribe between processes, over the channel layer.

A lost message delays an event by up to a second but never loses one, because hubs compare themselves with the log. So
nothing in this module may make a committed write fail: errors are logged, once per outage.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from channels.layers import BaseChannelLayer, InMemoryChannelLayer, get_channel_layer

from streams.conf import conf
from streams.signals import EventBatch

logger = logging.getLogger(__name__)

HUBS_GROUP = "hubs"  # every process is a member
QUEUE_MESSAGES = 10_000  # queued while the channel layer hangs; beyond that the oldest are dropped
BATCH_MESSAGES = 200  # sent together at most
RETRY_SECONDS = 1.0  # between two attempts to receive while the channel layer is down


class Message:
    """What one process tells the others: a dataclass. `type` names it on the channel layer."""

    __slots__: tuple[str, ...] = ()
    type: ClassVar[str]

    def encode(self) -> dict[str, Any]:
        return {"type": self.type} | {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def decode(cls, data: dict[str, Any]) -> Self:
        return cls(**{key: value for key, value in data.items() if key != "type"})


@dataclass(frozen=True, slots=True)
class StreamAppended(Message):
    """Events `first` to `last` of a stream. `text` has them, one per line, unless they are too large."""

    type = "stream.appended"
    stream: str
    first: int
    last: int
    text: str

    @classmethod
    def of(cls, batch: EventBatch) -> Self:
        text = "\n".join(batch.texts)
        last = batch.first + len(batch.texts) - 1
        return cls(batch.stream, batch.first, last, text if len(text) <= conf().WINDOW_BYTES else "")


@dataclass(frozen=True, slots=True)
class StreamDropped(Message):
    """A stream has ended."""

    type = "stream.dropped"
    stream: str


@dataclass(frozen=True, slots=True)
class AccessChanged(Message):
    """The access of these users, or whether they are signed in, may have changed."""

    type = "access.changed"
    users: list[int]


@dataclass(frozen=True, slots=True)
class PresenceQuery(Message):
    """Asks who follows this stream on other processes. Replies go to the channel `reply_to`."""

    type = "presence.query"
    stream: str
    query: str
    reply_to: str


@dataclass(frozen=True, slots=True)
class PresenceReply(Message):
    """The reply: pairs of user id and name."""

    type = "presence.reply"
    query: str
    viewers: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StreamsGrown(Message):
    """Wakes the followers: these streams have grown or, if none is named, any may have."""

    type = "streams.grown"
    streams: list[str]


TYPES: dict[str, type[Message]] = {
    model.type: model
    for model in (StreamAppended, StreamDropped, AccessChanged, PresenceQuery, PresenceReply, StreamsGrown)
}


@runtime_checkable
class BulkLayer(Protocol):
    """A channel layer that sends many messages in one round trip."""

    async def group_send_many(self, messages: Iterable[tuple[str, dict[str, Any]]]) -> None: ...


class Broker:
    """One event loop's access to a channel layer. Messages are sent in order."""

    alone: ClassVar[bool]  # whether there is no other process to reach

    def __init__(self, layer: BaseChannelLayer) -> None:
        self._layer = layer
        self._queue: deque[tuple[str, Message]] = deque(maxlen=QUEUE_MESSAGES)
        self._task: asyncio.Task[None] | None = None
        self._sending_fails = False
        self._channel: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    # Publishing

    def publish_many(self, messages: Iterable[tuple[str, Message]]) -> None:
        """Send messages to groups soon, without waiting."""
        self._queue.extend(messages)
        if self._task is None:
            self._task = asyncio.create_task(self._send_queue())

    async def publish_now(self, messages: Iterable[tuple[str, Message]]) -> None:
        """Send messages to groups. Never raises: events that can't be sent are found in the log."""
        try:
            await self._group_send_many([(group, message.encode()) for group, message in messages])
        except Exception as error:
            if not self._sending_fails:
                logger.warning("channel layer unavailable, viewers now rely on polling: %s", error)
            self._sending_fails = True
        else:
            if self._sending_fails:
                logger.warning("channel layer available again")
            self._sending_fails = False

    async def send(self, channel: str, message: Message) -> None:
        """Send a message to one process. Raises whatever the channel layer does."""
        await self._layer.send(channel, message.encode())

    async def _send_queue(self) -> None:
        try:
            while self._queue:
                count = min(BATCH_MESSAGES, len(self._queue))
                await self.publish_now([self._queue.popleft() for _ in range(count)])
        finally:
            self._task = None

    async def _group_send_many(self, messages: list[tuple[str, dict[str, Any]]]) -> None:
        for group, message in messages:
            await self._layer.group_send(group, message)

    # Subscribing

    @property
    def channel(self) -> str | None:
        """This process's own channel; None before the channel layer has been reached."""
        return self._channel.result() if self._channel.done() else None

    async def subscribe(self, group: str) -> None:
        """Subscribe this process to a group. Waits for the channel layer; raises whatever it does."""
        await self._layer.group_add(group, await asyncio.shield(self._channel))

    async def unsubscribe(self, group: str) -> None:
        await self._layer.group_discard(group, await asyncio.shield(self._channel))

    async def listen(self, receive: Callable[[Message], None]) -> None:
        """Call `receive` with each message to this process, forever. Retries while the channel layer is down."""
        failing = False
        while True:
            try:
                data = await self._receive()
            except Exception as error:
                if not failing:
                    logger.warning("cannot receive from the channel layer, viewers now rely on polling: %s", error)
                failing = True
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if failing:
                logger.warning("receiving from the channel layer again")
                failing = False
            _deliver(data, receive)

    async def _receive(self) -> dict[str, Any]:
        if not self._channel.done():
            channel = await self._layer.new_channel()
            await self._layer.group_add(HUBS_GROUP, channel)
            self._channel.set_result(channel)
        data: dict[str, Any] = await self._layer.receive(self._channel.result())
        return data

    async def close(self) -> None:
        """Send queued messages."""
        if self._task is not None:
            await self._task


def _deliver(data: dict[str, Any], receive: Callable[[Message], None]) -> None:
    """Decode and deliver a message. An unknown one, possible during an upgrade, must not end the loop."""
    try:
        model = TYPES.get(data.get("type", ""))
        if model is not None:
            receive(model.decode(data))
    except Exception:
        logger.exception("cannot handle a message from the channel layer: %.200r", data.get("type"))


class LocalBroker(Broker):
    """For a single process."""

    alone = True


class RedisBroker(Broker):
    """For processes that share Redis: queued messages share a round trip."""

    alone = False

    async def _group_send_many(self, messages: list[tuple[str, dict[str, Any]]]) -> None:
        if isinstance(self._layer, BulkLayer):
            await self._layer.group_send_many(messages)
        else:
            await super()._group_send_many(messages)


def configured_broker() -> Broker:
    """The broker for the configured channel layer and the running event loop."""
    layer = get_channel_layer()
    assert layer is not None, "CHANNEL_LAYERS has no default"
    return LocalBroker(layer) if isinstance(layer, InMemoryChannelLayer) else RedisBroker(layer)
