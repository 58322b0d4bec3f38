"""Many publishers and watches over one connection: each as if it had its own."""

import asyncio
import json
import time
from collections import defaultdict
from contextlib import aclosing

import pytest
from agentstream import Event, NotFound, Publisher, Refused, Unauthenticated, Watch
from agentstream.api import Api as ClientApi
from agentstream.commands import Input, commands
from agentstream.events import Cursor
from agentstream.sharing import SharedConnection, Sharer
from websockets.asyncio.server import ServerConnection

from tests.support.api import Api
from tests.support.server import LiveServer

from .place import Place, until
from .scripted import Store, answer, scripted, within


def publisher(place: Place, agent: str, shared: SharedConnection) -> Publisher:
    return Publisher(place.url, place.token, agent, connection=shared)


def watching(agent: str, shared: SharedConnection) -> Watch:
    return Watch(Sharer(shared), [Cursor("agent", agent, 0)])


def agents(place: Place, count: int) -> dict[str, str]:
    """New agents: their ids by name."""
    api = Api(place.url, place.token)
    return {f"a{number}": api.agent(place.workspace, f"a{number}")["id"] for number in range(count)}


def test_each_publisher_and_watch_gets_its_own(place: Place) -> None:
    ours = agents(place, 5)

    async def say(name: str, shared: SharedConnection) -> None:
        async with publisher(place, ours[name], shared) as said:
            for number in range(20):
                await said.output(f"{name}-{number} ", message_id=str(number))
            await said.output("end")

    async def go() -> dict[str, str]:
        async with SharedConnection(place.url, place.token) as shared:
            following = {name: asyncio.ensure_future(until("end", watching(id_, shared))) for name, id_ in ours.items()}
            await asyncio.gather(*(say(name, shared) for name in ours))
            return {name: "".join(event.payload["content"] for event in await seen) for name, seen in following.items()}

    expected = {name: "".join(f"{name}-{number} " for number in range(20)) + "end" for name in ours}
    assert within(20, go()) == expected
    assert {name: place.text(name) for name in ours} == expected


def test_a_refused_agent_stops_no_other(place: Place) -> None:
    gone, stays = agents(place, 2).values()

    async def go() -> None:
        async with SharedConnection(place.url, place.token) as shared:
            following = asyncio.ensure_future(until("never", watching(gone, shared)))
            async with publisher(place, stays, shared) as other:
                with pytest.raises(NotFound):
                    async with publisher(place, gone, shared) as said:
                        await said.output("Hello")
                        await said.flush()
                        await asyncio.to_thread(Api(place.url, place.token).call, "DELETE", f"/agents/{gone}")
                        await said.output("into the void")
                with pytest.raises(NotFound):
                    await following
                await other.output("unharmed")
                await other.flush()
            with pytest.raises(NotFound):
                await anext(watching(gone, shared))

    within(20, go())
    assert place.text("a1") == "unharmed"


def test_after_a_lost_connection_all_go_on_exactly_once(mortal: LiveServer, mortal_place: Place) -> None:
    place = mortal_place
    ours = agents(place, 3)

    async def say(agent: str, shared: SharedConnection) -> None:
        async with publisher(place, agent, shared) as said:
            for number in range(60):
                await said.output(f"{number},", message_id=str(number))
                await asyncio.sleep(0.02)
            await said.output("end")

    async def go() -> list[list[Event]]:
        async with SharedConnection(place.url, place.token) as shared:
            following = [asyncio.ensure_future(until("end", watching(agent, shared))) for agent in ours.values()]
            saying = [asyncio.ensure_future(say(agent, shared)) for agent in ours.values()]
            await asyncio.sleep(0.3)
            await asyncio.to_thread(mortal.restart)
            await asyncio.gather(*saying)
            return await asyncio.gather(*following)

    expected = "".join(f"{number}," for number in range(60)) + "end"
    assert ["".join(event.payload["content"] for event in seen) for seen in within(60, go())] == [expected] * 3
    assert {place.text(name) for name in ours} == {expected}


def test_people_reach_an_agent_through_it(place: Place) -> None:
    async def go() -> object:
        api = ClientApi(place.url, place.token)
        async with (
            SharedConnection(place.url, place.token) as shared,
            aclosing(commands(api, place.agent, 0, connection=shared)) as heard,
        ):
            first = asyncio.ensure_future(anext(heard))
            send = Api(place.url, place.token).post
            await asyncio.to_thread(send, f"/agents/{place.agent}/input", {"content": "Hello"})
            return await first

    assert within(10, go()) == Input("Hello")


def test_a_stream_is_watched_once_at_a_time(place: Place) -> None:
    async def go() -> None:
        async with SharedConnection(place.url, place.token) as shared:
            async with publisher(place, place.agent, shared) as said:
                await said.output("one")
                await said.flush()
            async with watching(place.agent, shared) as first:
                assert (await anext(first)).payload["content"] == "one"
                with pytest.raises(Refused, match="watched over this connection already"):
                    await anext(watching(place.agent, shared))
            assert (await anext(watching(place.agent, shared))).payload["content"] == "one"

    within(10, go())


def test_a_token_that_is_refused_is_refused_to_all(place: Place) -> None:
    async def go() -> None:
        async with SharedConnection(place.url, "wrong") as shared:
            for _ in range(2):
                with pytest.raises(Unauthenticated):
                    await anext(watching(place.agent, shared))

    within(10, go())


# Against a scripted server


class Office:
    """A server that stores what each agent publishes, and counts connections and frames."""

    def __init__(self) -> None:
        self.stores: dict[str, Store] = defaultdict(Store)
        self.connections = 0
        self.arrivals: list[float] = []

    async def serve(self, websocket: ServerConnection) -> None:
        self.connections += 1
        async for frame in websocket:
            self.arrivals.append(time.monotonic())
            await websocket.send(self.stores[json.loads(frame)["payload"]["producer"]].take(frame))


async def publish(url: str, count: int, frames: int, shared: SharedConnection) -> None:
    async def say(number: int) -> None:
        async with Publisher(url, "token", str(number), connection=shared) as said:
            for _ in range(frames):
                await said.output("x", message_id="m")
                await said.flush()

    await asyncio.gather(*map(say, range(count)))


def test_there_is_one_connection() -> None:
    office = Office()

    async def go() -> None:
        async with scripted(office.serve) as url, SharedConnection(url, "token") as shared:
            await publish(url, 30, 2, shared)

    within(20, go())
    assert office.connections == 1
    assert [store.content for store in office.stores.values()] == ["xx"] * 30


def test_together_they_stay_below_the_rate_that_the_server_allows() -> None:
    office = Office()

    async def go() -> None:
        async with scripted(office.serve) as url, SharedConnection(url, "token") as shared:
            await publish(url, 40, 12, shared)

    within(30, go())
    busiest = max(sum(1 for later in office.arrivals if first <= later < first + 2) / 2 for first in office.arrivals)
    assert busiest < 200 + 100


def test_an_error_without_an_id_concerns_the_oldest_message() -> None:
    store = Store()
    order: list[str] = []

    async def handler(websocket: ServerConnection) -> None:
        frames = [await websocket.recv() for _ in range(2)]
        order.extend(json.loads(frame)["payload"]["agentId"] for frame in frames)
        await websocket.send(answer("error", code="TOO_LARGE", message="no"))
        await websocket.send(store.take(frames[1]))
        await websocket.wait_closed()

    async def say(url: str, agent: str, shared: SharedConnection) -> str | None:
        try:
            async with Publisher(url, "token", agent, connection=shared) as said:
                await said.output(agent)
        except Refused:
            return agent
        return None

    async def go() -> list[str | None]:
        async with scripted(handler) as url, SharedConnection(url, "token") as shared:
            return await asyncio.gather(*(say(url, agent, shared) for agent in ("one", "other")))

    refused = [agent for agent in within(10, go()) if agent]
    assert (refused, store.content) == ([order[0]], order[1])


@pytest.mark.parametrize("code", [1009, 4400])
def test_a_connection_closed_for_what_one_has_sent_is_opened_again(code: int) -> None:
    office = Office()

    async def handler(websocket: ServerConnection) -> None:
        if office.connections == 0:
            office.connections += 1
            await websocket.recv()
            await websocket.close(code)
        else:
            await office.serve(websocket)

    async def go() -> None:
        async with scripted(handler) as url, SharedConnection(url, "token") as shared:
            await publish(url, 3, 1, shared)

    within(20, go())
    assert [store.content for store in office.stores.values()] == ["x"] * 3
