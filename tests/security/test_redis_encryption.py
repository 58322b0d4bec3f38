"""An attacker with our Redis can neither read nor forge messages: only drop, delay or repeat them."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
from redis.asyncio import Redis as Client

from accounts.secret_key import derived_key
from streams.layers import redis as layers
from streams.layers.redis import SharedLayer
from streams.metrics import FOREIGN_MESSAGES
from tests.support.api import Api
from tests.support.server import SHARED_KEY, LiveServer
from tests.support.services import Redis
from tests.support.viewer import contents, viewer

NEW, OLD, OTHER = (derived_key(name * 8, "channel layer") for name in ("new-", "old-", "other-"))
SECRET_TEXT = "the launch code is 8713"
MESSAGE = {"type": "stream.appended", "text": SECRET_TEXT}


def layer_with(redis: Redis, *keys: bytes) -> SharedLayer:
    return SharedLayer(hosts=[redis.url], symmetric_encryption_keys=list(keys) or None)


@asynccontextmanager
async def listening(layer: SharedLayer, group: str) -> AsyncIterator[str]:
    channel: str = await layer.new_channel()
    await layer.group_add(group, channel)
    yield channel
    await layer.flush()


async def send(layer: SharedLayer, group: str, text: str) -> None:
    await layer.group_send_many([(group, {**MESSAGE, "text": text})])


async def text_of(layer: SharedLayer, channel: str) -> str:
    message = await asyncio.wait_for(layer.receive(channel), 5)
    text: str = message["text"]
    return text


def ignored() -> float:
    count: float = FOREIGN_MESSAGES._value.get()
    return count


def test_forged_plain_and_unknown_messages_are_ignored_logged_once_and_counted(
    redis_server: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        ours = layer_with(redis_server, NEW)
        async with listening(ours, "agent.1") as channel, Client.from_url(redis_server.url) as client:
            before = ignored()
            name = ours._get_layer()._get_group_channel_name("agent.1")
            for forged in (msgpack.packb(MESSAGE), b"", b"\xff" * 100, _changed(ours.serialize(MESSAGE))):
                await client.publish(name, forged)
            await send(layer_with(redis_server, OTHER), "agent.1", "under another key")
            await send(layer_with(redis_server), "agent.1", "not encrypted")
            await send(ours, "agent.1", "ours")
            assert await text_of(ours, channel) == "ours"
            assert ignored() - before == 6

    with caplog.at_level(logging.WARNING, layers.__name__):
        asyncio.run(scenario())
    assert len([record for record in caplog.records if record.name == layers.__name__]) == 1


def test_a_message_of_the_previous_key_is_read_while_that_is_a_fallback_and_ignored_after(redis_server: Redis) -> None:
    async def scenario() -> None:
        for keys, expected in (((NEW, OLD), ["old", "new"]), ((NEW,), ["new"])):
            ours = layer_with(redis_server, *keys)
            async with listening(ours, "agent.2") as channel:
                await send(layer_with(redis_server, OLD), "agent.2", "old")
                await send(ours, "agent.2", "new")
                assert [await text_of(ours, channel) for _ in expected] == expected

    asyncio.run(scenario())


def test_the_first_key_encrypts(redis_server: Redis) -> None:
    async def scenario() -> None:
        ours = layer_with(redis_server, NEW)
        async with listening(ours, "agent.3") as channel:
            await send(layer_with(redis_server, NEW, OLD), "agent.3", "x")
            assert await text_of(ours, channel) == "x"

    asyncio.run(scenario())


def test_a_message_repeated_after_more_than_a_minute_is_ignored(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        ours = layer_with(redis_server, NEW)
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now - 70)
        recorded = ours.serialize({**MESSAGE, "text": "old"})
        monkeypatch.undo()
        async with listening(ours, "agent.4") as channel, Client.from_url(redis_server.url) as client:
            before = ignored()
            await client.publish(ours._get_layer()._get_group_channel_name("agent.4"), recorded)
            await send(ours, "agent.4", "new")
            assert await text_of(ours, channel) == "new"
            assert ignored() - before == 1

    asyncio.run(scenario())


def test_a_flood_of_forged_messages_does_not_hold_the_event_loop(redis_server: Redis) -> None:
    async def scenario() -> None:
        ours = layer_with(redis_server, NEW)
        async with listening(ours, "agent.5") as channel:
            queue = ours._get_layer().channels[channel]
            for _ in range(5_000):
                queue.put_nowait(b"x" * 100)
            receiving = asyncio.create_task(ours.receive(channel))
            turns = 0
            while not queue.empty():
                await asyncio.sleep(0)
                turns += 1
            assert turns > 1_000
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)

    asyncio.run(scenario())


@pytest.fixture(scope="module")
def pair(redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, LiveServer]]:
    """Two servers on one database and Redis, the second with the first's key as its previous one, slow to poll."""
    folder: Path = tmp_path_factory.mktemp("rotation")
    env = {"REDIS_URL": redis_server.url, "STREAM_POLL": "60"}
    new_key = SHARED_KEY[::-1]
    with LiveServer(folder, SECRET_KEY=SHARED_KEY, SECRET_KEY_FALLBACKS=new_key, **env) as first:
        second = LiveServer(folder, SECRET_KEY=new_key, SECRET_KEY_FALLBACKS=SHARED_KEY, **env)
        second.log_path = folder / "second.log"
        second.start()
        yield first, second
        second.stop()


def test_processes_understand_each_other_during_key_rotation_and_redis_sees_no_content(
    pair: tuple[LiveServer, LiveServer], redis_server: Redis
) -> None:
    """With a poll of a minute, what arrives in time has come over Redis."""
    first, second = pair
    token = first.token("root", "--superuser")
    apis = [Api(server.url, token) for server in pair]
    agent = apis[0].agent(apis[0].workspace("secrets")["id"], "spy")["id"]

    async def scenario() -> list[bytes]:
        carried: list[bytes] = []
        async with Client.from_url(redis_server.url) as client, client.pubsub() as everything:
            await everything.psubscribe("*")
            for server, other in ((first, apis[1]), (second, apis[0])):
                async with viewer(server.ws_url, token) as one:
                    await one.subscribe("agent", agent)
                    sent = await asyncio.to_thread(other.post, f"/agents/{agent}/output", {"content": SECRET_TEXT})
                    assert sent.status in (200, 201), sent
                    assert contents(await one.events(1, 10)) == [SECRET_TEXT]
            while (message := await everything.get_message(timeout=0.2)) is not None:
                carried.append(_bytes(message["data"]))
        return carried

    carried = asyncio.run(scenario())
    assert sum(len(each) > 100 for each in carried) >= 2, "the events did go over Redis"
    for word in (SECRET_TEXT.encode(), b"launch", b"agent:output", b"stream.appended", b"spy"):
        assert not any(word in each for each in carried), word


def _changed(message: bytes) -> bytes:
    """`message` with one bit of its last byte flipped."""
    return message[:-1] + bytes([message[-1] ^ 1])


def _bytes(data: Any) -> bytes:
    return data if isinstance(data, bytes) else str(data).encode()
