"""The layer between processes, over a real Redis."""

import asyncio
import time

from redis.asyncio import Redis as Client

from streams.layers.redis import SharedLayer
from tests.support.services import Redis


def test_many_messages_arrive_in_order_each_in_its_group(redis_server: Redis) -> None:
    async def scenario() -> None:
        layer = SharedLayer(hosts=[redis_server.url])
        one, two = await layer.new_channel(), await layer.new_channel()
        await layer.group_add("agent.1", one)
        await layer.group_add("agent.2", two)
        await layer.group_send_many(
            [(f"agent.{n % 2 + 1}", {"type": "stream.appended", "number": n}) for n in range(100)]
        )
        assert [(await layer.receive(one))["number"] for _ in range(50)] == [*range(0, 100, 2)]
        assert [(await layer.receive(two))["number"] for _ in range(50)] == [*range(1, 100, 2)]
        await layer.flush()

    asyncio.run(scenario())


def test_many_messages_share_one_round_trip_to_redis(redis_server: Redis) -> None:
    """Where a round trip takes 20 ms, 100 messages take about one and not a hundred."""

    async def scenario() -> None:
        layer = SharedLayer(hosts=[{"address": f"redis://127.0.0.1:{await _delayed(redis_server)}/0"}])
        await layer.group_send("agent.1", {"type": "stream.appended"})  # connects
        begin = time.monotonic()
        await layer.group_send_many([("agent.1", {"type": "stream.appended"})] * 100)
        assert 0.02 < time.monotonic() - begin < 1
        async with Client.from_url(redis_server.url) as client:
            assert (await client.info("commandstats"))["cmdstat_publish"]["calls"] >= 101
        await layer.flush()

    asyncio.run(scenario())


async def _delayed(server: Redis) -> int:
    """A port behind which the server answers 20 ms late."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
        while data := await reader.read(65_536):
            await asyncio.sleep(delay)
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(pump(reader, far_writer, 0), pump(far_reader, writer, 0.02))

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port: int = listener.sockets[0].getsockname()[1]
    return port
