"""A fault in one place is reported, ends, and delays nothing else."""

import asyncio
import gc
import json
import logging
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from channels.layers import BaseChannelLayer
from django.db import DatabaseError

from streams.broker import LocalBroker
from streams.broker import Message as BrokerMessage
from streams.database import UnavailableError
from streams.hub.connection import Connection
from streams.hub.feed import Cursor, Feed
from streams.hub.hub import IDLE_FEED_SECONDS, Hub
from streams.hub.reader import SnapshotQuery
from streams.protocol.kinds import Access, Rights
from streams.protocol.messages import Code, ProtocolError, Reason
from streams.protocol.positions import Span
from streams.runtime import Runtime
from streams.transports.session import ClientSession
from streams.transports.sse import event_stream
from tests.engine.fakes import ROOMY, Message, Person, ScriptedSink, Stream
from tests.engine.test_model import WINDOW, Engine


class Talk:
    """A session, and what it has been told."""

    def __init__(self, engine: Engine) -> None:
        self.told: list[Message] = []
        self._engine = engine
        self.session = engine.loop.run_until_complete(self._made())

    async def _made(self) -> ClientSession:
        return ClientSession(Person(), ScriptedSink(self.told.append), merge=False)

    def subscribe(self, stream: Stream) -> "asyncio.Task[None]":
        text = json.dumps({"type": "subscribe:probe", "payload": {"probeId": str(stream.key)}})
        return self._engine.loop.create_task(self.session.handle(text, None))

    def types(self) -> list[str]:
        return [message["type"] for message in self.told if message["type"] != "pong"]

    def end(self) -> None:
        self._engine.loop.call_soon(self.session.end)
        self._engine.wait(0.01)


@pytest.fixture
def talk(engine: Engine) -> Iterator[Talk]:
    talk = Talk(engine)
    yield talk
    talk.end()


def hub_of(engine: Engine) -> Hub:
    async def current() -> Hub:
        return Runtime.current().hub

    return engine.loop.run_until_complete(current())


async def never(*args: Any) -> None:
    await asyncio.Event().wait()


def test_a_channel_layer_that_hangs_delays_no_round_of_the_clock(engine: Engine) -> None:
    """However many streams are watched, each waits for the comparison with the log and not for the others' joins."""
    [client, *_], [stream, other] = engine.clients, engine.streams
    hub = hub_of(engine)
    with mock.patch.object(engine.layer, "group_add", never):
        client.subscribe(stream, None, None)
        client.subscribe(other, None, None)
        for number in range(60):
            feed = hub.feeds[f"probe.{number}"] = opened(engine, f"probe.{number}")
            feed.cursors[mock.Mock(seq=0)] = None
            engine.log.streams[feed.name] = Stream(stream.key)
        engine.wait(3.0)
        assert [feed.joined for feed in hub.feeds.values()] == [False] * 62
        engine.log.append(stream, 1)
        engine.wait(1.5)
        assert client.views[str(stream.key)].seq == 1
    engine.wait(3.0)
    assert all(feed.joined for feed in hub.feeds.values())


def opened(engine: Engine, name: str) -> Feed:
    async def make() -> Feed:
        feed = Feed(name)
        feed.open(Span(0, 0))
        return feed

    return engine.loop.run_until_complete(make())


def test_a_stream_that_cannot_be_opened_is_refused_and_can_be_asked_for_again(engine: Engine, talk: Talk) -> None:
    [stream, _] = engine.streams
    with mock.patch("streams.log.spans", side_effect=DatabaseError("out of shape")):
        asking = talk.subscribe(stream)
        engine.wait(5.0)
        assert asking.done(), "nobody waits for ever"
        assert [message["payload"]["code"] for message in talk.told] == ["INTERNAL"]
    talk.subscribe(stream)
    engine.wait(1.0)
    assert talk.types() == ["error", "subscribed"]


@pytest.mark.parametrize("when", [0.5, 1.5, 4.5], ids=["at once", "before the snapshot", "before the stream is open"])
def test_access_that_ends_while_it_is_used_to_subscribe_is_not_granted(engine: Engine, talk: Talk, when: float) -> None:
    [stream, _] = engine.streams
    hub = hub_of(engine)
    engine.log.latency = 3.0
    talk.subscribe(stream)
    engine.wait(when)
    with mock.patch("tests.engine.fakes.ProbeKind.access", lambda kind, asked: [Rights(Access.NONE)] * len(asked)):
        engine.loop.call_soon(hub.recheck, [Person.id])
        engine.wait(20.0)  # less than a heartbeat
        assert talk.types() in (["error"], ["subscribed", "unsubscribed"])
    engine.log.latency = 0.001
    engine.layer.deliver(engine.log.append(stream, 1))
    engine.wait(2.0)
    assert "probe:event" not in talk.types()


def test_an_event_stream_whose_reader_has_gone_before_its_first_piece_leaves_no_session(engine: Engine) -> None:
    [stream, _] = engine.streams
    hub = hub_of(engine)
    before = len(hub.connections)

    async def asked_for() -> Any:
        return await event_stream(Person(), Runtime.current().kinds["probe"], stream.key, None)

    closed: Any = engine.loop.run_until_complete(asked_for())
    dropped: Any = engine.loop.run_until_complete(asked_for())
    assert len(hub.connections) == before + 2
    closed.close()
    del dropped
    gc.collect()
    engine.wait(0.1)
    assert len(hub.connections) == before


class FailingLayer(BaseChannelLayer):
    """Gives scripted answers in turn, messages or exceptions; then nothing more."""

    def __init__(self, *answers: Message | Exception) -> None:
        super().__init__()
        self._answers = list(answers)

    async def new_channel(self, prefix: str = "probe") -> str:
        return "channel"

    async def group_add(self, group: str, channel: str) -> None:
        pass

    async def receive(self, channel: str) -> Message:
        if not self._answers:
            await asyncio.Event().wait()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def logged_of(engine: Engine, layer: FailingLayer, caplog: pytest.LogCaptureFixture, receive: Any) -> list[str]:
    async def listen() -> None:
        await LocalBroker(layer).listen(receive)

    with caplog.at_level(logging.WARNING):
        task = engine.loop.create_task(listen())
        engine.wait(20.0)
        task.cancel()
    return [record.getMessage().partition(":")[0] for record in caplog.records]


def test_every_outage_of_the_channel_layer_is_logged_once_and_its_end(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    down = ConnectionError("gone")
    message = {"type": "access.changed", "users": [1]}
    received: list[BrokerMessage] = []
    layer = FailingLayer(message, down, down, down, message, down, message)
    away, back = (
        "cannot receive from the channel layer, viewers now rely on polling",
        "receiving from the channel layer again",
    )
    assert logged_of(engine, layer, caplog, received.append) == [away, back, away, back]
    assert len(received) == 3


def test_a_message_that_cannot_be_handled_is_logged_with_a_traceback_and_not_as_an_outage(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(message: BrokerMessage) -> None:
        raise KeyError("a defect")

    message = {"type": "access.changed", "users": [1]}
    logged = logged_of(engine, FailingLayer(message, message), caplog, fail)
    assert logged == ["cannot handle a message from the channel layer"] * 2
    assert all(record.exc_info for record in caplog.records)


def test_a_comparison_that_always_fails_starves_neither_readers_nor_idle_streams(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    [client, *_], [stream, other] = engine.clients, engine.streams
    hub = hub_of(engine)
    client.subscribe(stream, None, None)
    client.subscribe(other, None, None)
    engine.wait(0.1)
    engine.fill(0, 0)
    engine.layer.deliver(engine.log.append(stream, 3 * WINDOW))
    engine.wait(0.1)
    with mock.patch.object(hub, "_compare", side_effect=RuntimeError("a defect")):
        engine.log.failure = UnavailableError
        engine.fill(0, ROOMY)
        engine.wait(2.5)
        engine.log.failure = None
        client.unsubscribe(other)
        engine.wait(IDLE_FEED_SECONDS + 3)
        assert client.views[str(stream.key)].seq == stream.head, "who waits to read is woken"
        assert other.name not in hub.feeds, "a stream that nobody follows is let go"
    assert "cannot compare the feeds with the log" in caplog.text


def test_a_part_of_the_round_that_always_fails_does_not_keep_the_others_from_their_work(engine: Engine) -> None:
    [client, *_], [stream, _] = engine.clients, engine.streams
    hub = hub_of(engine)
    client.subscribe(stream, None, None)
    engine.wait(0.1)
    with mock.patch.object(Connection, "stalled", side_effect=RuntimeError("a defect")):
        engine.log.append(stream, 1)  # of which nobody says anything
        engine.wait(2.5)
        assert client.views[str(stream.key)].seq == 1
        client.unsubscribe(stream)
        engine.wait(IDLE_FEED_SECONDS + 3)
        assert stream.name not in hub.feeds


class Counted(dict[Cursor, None]):
    """Counts how many of its keys have been looked at."""

    looks = 0

    def __iter__(self) -> Iterator[Cursor]:
        for key in super().__iter__():
            type(self).looks += 1
            yield key


def test_a_round_looks_at_each_unread_cursor_once_and_not_once_a_stream(engine: Engine) -> None:
    hub = hub_of(engine)
    feeds = [opened(engine, f"probe.{number}") for number in range(500)]
    hub.feeds.update({feed.name: feed for feed in feeds})
    hub._unread = Counted({Cursor(mock.Mock(), feed, 0): None for feed in feeds})

    async def spans(names: list[str]) -> dict[str, Span]:
        return {name: Span(0, 0) for name in names}

    with mock.patch.object(hub.reader, "spans", spans):
        engine.loop.run_until_complete(hub._compare())
    assert Counted.looks == 500
    hub.feeds.clear()
    hub._unread = {}


@pytest.mark.parametrize("code", [code for code in Code if code not in (Code.NOT_FOUND, Code.FORBIDDEN)])
def test_a_failed_resubscription_is_not_reported_as_a_deleted_stream(engine: Engine, talk: Talk, code: Code) -> None:
    [stream, _] = engine.streams
    hub = hub_of(engine)
    talk.subscribe(stream)
    engine.wait(0.1)

    async def refuse(query: SnapshotQuery) -> None:
        raise ProtocolError(code, "not now")

    with mock.patch.object(hub.reader, "snapshot", refuse):
        [cursor] = hub.feeds[stream.name].cursors
        engine.loop.call_soon(talk.session.lost, cursor)
        engine.wait(5.0)
    assert talk.types() == ["subscribed"]
    engine.wait(2.0)
    assert talk.types() == ["subscribed", "subscribed"]
    assert talk.told[-1]["payload"]["complete"] is False


@pytest.mark.parametrize("ended", [True, False])
def test_a_refused_resubscription_says_why(engine: Engine, talk: Talk, ended: bool) -> None:
    [stream, _] = engine.streams
    hub = hub_of(engine)
    talk.subscribe(stream)
    engine.wait(0.1)

    async def nothing(query: SnapshotQuery) -> None:
        return None

    async def spans(names: list[str]) -> dict[str, Span]:
        return {} if ended else {name: Span(0, 0) for name in names}

    with mock.patch.object(hub.reader, "snapshot", nothing), mock.patch.object(hub.reader, "spans", spans):
        [cursor] = hub.feeds[stream.name].cursors
        engine.loop.call_soon(talk.session.lost, cursor)
        engine.wait(0.5)
    assert talk.types() == ["subscribed", "unsubscribed"]
    assert talk.told[-1]["payload"]["reason"] == (Reason.DELETED if ended else Reason.FORBIDDEN)
