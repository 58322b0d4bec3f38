"""Watching through lost connections, gaps and refusals, injected one by one."""

import asyncio
import json
from typing import Any

import pytest
from agentstream import Event, Forbidden, Gap, NotFound, Refused, TooManySubscriptions, Unauthenticated, Watch, watch
from websockets.asyncio.server import ServerConnection

from .scripted import AGENT, TIME, Handler, answer, output, scripted, subscribed, within

WORKSPACE = "6f9c1de2-0000-4000-8000-000000000002"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentstream.reconnection.BASE_DELAY_SECONDS", 0.01)


async def first(count: int, events: Watch) -> list[Event]:
    got: list[Event] = []
    async with events:
        async for event in events:
            got.append(event)
            if len(got) == count:
                break
    return got


def see(handler: Handler, count: int, since: int | None = 0) -> list[Event]:
    async def go() -> list[Event]:
        async with scripted(handler) as url:
            return await first(count, watch(url, "token", agents=[AGENT.upper()], since=since))

    return within(10, go())


def connections(*scripts: list[str | int]) -> tuple[Handler, list[dict[str, Any]]]:
    """A handler that plays one script per connection (a text is sent, a number closes), and what was asked."""
    asked: list[dict[str, Any]] = []

    async def handler(websocket: ServerConnection) -> None:
        script = scripts[len(asked)]
        asked.append(json.loads(await websocket.recv()))
        for step in script:
            if isinstance(step, int):
                await websocket.close(step)
            else:
                await websocket.send(step)
        await websocket.wait_closed()

    return handler, asked


def test_frames_of_many_events_yield_them_one_by_one() -> None:
    handler, _ = connections(
        ["\n".join([subscribed(3), output(1, "a"), output(2, "b"), answer("pong"), output(3, "c")])]
    )
    events = see(handler, 3)
    assert [(event.seq, event.payload["content"]) for event in events] == [(1, "a"), (2, "b"), (3, "c")]
    assert {event.stream for event in events} == {f"agent.{AGENT}"}


def test_after_a_lost_connection_it_continues_where_it_stopped() -> None:
    handler, asked = connections(
        [subscribed(9), output(1), output(2), 1012], [subscribed(9), output(2), output(3), 1001], [output(4)]
    )
    assert [event.seq for event in see(handler, 4)] == [1, 2, 3, 4]
    assert [request["payload"] for request in asked] == [
        {"agentId": AGENT, "since": 0},
        {"agentId": AGENT, "since": 2, "at": TIME},
        {"agentId": AGENT, "since": 3, "at": TIME},
    ]


def test_starting_from_now_survives_a_lost_connection_before_the_first_event() -> None:
    handler, asked = connections([subscribed(7), 1012], [subscribed(9), output(8)])
    assert [event.seq for event in see(handler, 1, since=None)] == [8]
    assert asked[0]["payload"] == {"agentId": AGENT}
    assert asked[1]["payload"] == {"agentId": AGENT, "since": 7}


def test_a_gap_is_yielded_as_an_event() -> None:
    handler, _ = connections([subscribed(20, oldest=11, complete=False), output(11)])
    gap, event = see(handler, 2, since=4)
    assert isinstance(gap, Gap)
    assert gap.type == "gap"
    assert (gap.seq, gap.payload["oldest"], gap.payload["seq"], gap.state["name"]) == (10, 11, 20, "A")
    assert event.seq == 11


def test_several_streams_keep_their_own_positions() -> None:
    asked: list[dict[str, Any]] = []

    async def handler(websocket: ServerConnection) -> None:
        asked.extend([json.loads(await websocket.recv()), json.loads(await websocket.recv())])
        update = {"workspaceId": WORKSPACE, "change": "agent_status", "data": {}}
        workspace = json.dumps({"type": "workspace:updated", "payload": update, "timestamp": TIME, "seq": 5})
        await websocket.send("\n".join([output(len(asked)), workspace, workspace]))
        await websocket.close(1012)

    async def go() -> list[Event]:
        async with scripted(handler) as url:
            since = {AGENT: 1, f"workspace.{WORKSPACE}": 4}
            return await first(3, watch(url, "token", agents=[AGENT], workspaces=[WORKSPACE], since=since))

    events = within(10, go())
    assert [(event.type, event.seq) for event in events] == [
        ("agent:output", 2),
        ("workspace:updated", 5),
        ("agent:output", 4),
    ]
    assert [request["payload"]["since"] for request in asked] == [1, 4, 2, 5]


@pytest.mark.parametrize(
    ("code", "exception"), [("NOT_FOUND", NotFound), ("TOO_MANY_SUBSCRIPTIONS", TooManySubscriptions)]
)
def test_a_refused_subscription_is_raised(code: str, exception: type[Refused]) -> None:
    handler, _ = connections([answer("error", code=code, message="no such agent")])
    with pytest.raises(exception, match="no such agent"):
        see(handler, 1)


def test_a_temporarily_refused_subscription_is_retried() -> None:
    handler, asked = connections([answer("error", code="UNAVAILABLE", message="later")], [subscribed(1), output(1)])
    assert [event.seq for event in see(handler, 1)] == [1]
    assert len(asked) == 2


@pytest.mark.parametrize(("reason", "exception"), [("deleted", NotFound), ("forbidden", Forbidden)])
def test_the_end_of_a_stream_is_raised(reason: str, exception: type[Refused]) -> None:
    ended = answer("unsubscribed", type="agent", id=AGENT, reason=reason)
    handler, _ = connections([subscribed(1), output(1), ended])
    with pytest.raises(exception, match=AGENT):
        see(handler, 2)


@pytest.mark.parametrize(("code", "exception"), [(4401, Unauthenticated), (4403, Forbidden)])
def test_a_final_close_code_is_raised(code: int, exception: type[Refused]) -> None:
    handler, _ = connections([subscribed(1), output(1), code])
    with pytest.raises(exception):
        see(handler, 2)


@pytest.mark.parametrize("politely", [True, False], ids=["async with", "break"])
def test_leaving_the_loop_closes_the_connection(politely: bool) -> None:
    closed = asyncio.Event()

    async def handler(websocket: ServerConnection) -> None:
        await websocket.recv()
        await websocket.send(output(1))
        await websocket.wait_closed()
        closed.set()

    async def go() -> None:
        async with scripted(handler) as url:
            if politely:
                assert len(await first(1, watch(url, "token", agents=[AGENT], since=0))) == 1
            else:
                async for _ in watch(url, "token", agents=[AGENT], since=0):
                    break
            await closed.wait()

    within(5, go())


def test_waiting_for_an_event_can_be_cancelled_and_tried_again() -> None:
    gate = asyncio.Event()

    async def handler(websocket: ServerConnection) -> None:
        await websocket.recv()
        await websocket.send("\n".join([subscribed(1), output(1)]))
        await gate.wait()
        await websocket.send("\n".join([output(2), output(3)]))
        await websocket.wait_closed()

    async def go() -> list[int]:
        async with scripted(handler) as url, watch(url, "token", agents=[AGENT], since=0) as events:
            seqs = [(await anext(events)).seq]
            for _ in range(3):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(anext(events), 0.05)
            gate.set()
            return seqs + [(await anext(events)).seq for _ in range(2)]

    assert within(5, go()) == [1, 2, 3]


def test_after_a_refusal_there_is_nothing_more() -> None:
    handler, _ = connections([subscribed(1), "\n".join([output(1), answer("error", code="NOT_FOUND", message="gone")])])

    async def go() -> None:
        async with scripted(handler) as url:
            events = watch(url, "token", agents=[AGENT], since=0)
            assert (await anext(events)).seq == 1
            with pytest.raises(NotFound):
                await anext(events)
            with pytest.raises(StopAsyncIteration):
                await anext(events)

    within(5, go())


def test_what_is_not_an_id_is_named() -> None:
    with pytest.raises(ValueError, match="expected the id of an agent or workspace; got 'x'"):
        watch("http://localhost", "token", agents=["x"])
