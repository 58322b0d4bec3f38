"""The publisher with errors, close codes and lost connections, injected one by one."""

import asyncio
import json
import logging
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from agentstream import (
    AgentstreamError,
    Forbidden,
    InvalidMessage,
    NotFound,
    Publisher,
    Refused,
    TooLarge,
    Unauthenticated,
)
from agentstream import connection as connection_module
from agentstream import outbox as outbox_module
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from .scripted import AGENT, Handler, Store, answer, scripted, within

TOKEN = "secret-token"


def publish(handler: Handler, *contents: str) -> None:
    async def go() -> None:
        async with scripted(handler) as url, Publisher(url, TOKEN, AGENT) as publisher:
            for content in contents:
                await publisher.output(content)

    within(20, go())


def test_events_arrive_in_order_under_one_producer() -> None:
    store = Store()
    requests: list[dict[str, Any]] = []

    async def handler(websocket: ServerConnection) -> None:
        assert websocket.request
        assert websocket.request.path == "/ws/"
        assert websocket.request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert websocket.subprotocol == "agentstream.v1"
        async for frame in websocket:
            requests.append(json.loads(frame))
            await websocket.send(store.take(frame))

    publish(handler, "a", "b", "é")
    assert store.content == "abé"
    assert {request["payload"]["agentId"] for request in requests} == {AGENT}
    assert len({request["payload"]["producer"] for request in requests}) == 1


def test_all_kinds_of_events() -> None:
    store = Store()

    async def go() -> None:
        async with scripted(store.serve) as url, Publisher(url, TOKEN, AGENT) as publisher:
            await publisher.status("running", reason="awaiting_input")
            await publisher.context(41.6, tokens_used=5)
            await publisher.error("E", "it broke")
            await publisher.terminated(1, signal="SIGTERM", reason="error")
            await publisher.flush()
            assert publisher.pending == 0

    within(10, go())
    assert [event["type"].split(":")[1] for event in store.events] == ["status", "context", "error", "terminated"]
    assert store.events[1]["payload"] == {"contextLevel": 42, "tokensUsed": 5}


def test_when_idle_events_are_sent_at_once_and_under_load_frames_grow() -> None:
    store = Store()

    async def slow(websocket: ServerConnection) -> None:
        async for frame in websocket:
            await asyncio.sleep(0.05)
            await websocket.send(store.take(frame))

    async def go() -> None:
        async with scripted(slow) as url, Publisher(url, TOKEN, AGENT) as publisher:
            for number in range(3):
                await publisher.output(f"{number},")
                await publisher.flush()
            for number in range(3, 300):
                await publisher.output(f"{number},")
                await asyncio.sleep(0)

    within(10, go())
    assert store.content == "".join(f"{number}," for number in range(300))
    assert store.frames[:3] == [1, 1, 1]
    assert len(store.frames) < 20


@pytest.mark.parametrize("taken", [True, False], ids=["answer lost", "frame lost"])
def test_a_lost_connection_neither_loses_nor_repeats_events(taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentstream.reconnection.BASE_DELAY_SECONDS", 0.01)
    monkeypatch.setattr("agentstream.reconnection.MAX_DELAY_SECONDS", 0.05)
    store = Store()
    connections = 0

    async def breaking(websocket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        left = connections
        async for frame in websocket:
            left -= 1
            if left <= 0 and connections < 6:
                if taken:
                    store.take(frame)
                websocket.transport.abort()
                return
            await websocket.send(store.take(frame))

    async def go() -> None:
        async with scripted(breaking) as url, Publisher(url, TOKEN, AGENT) as publisher:
            for number in range(2000):
                await publisher.output(f"{number},")
                if number % 20 == 0:
                    await asyncio.sleep(0.002)

    within(20, go())
    assert store.content == "".join(f"{number}," for number in range(2000))
    assert connections == 6


@pytest.mark.parametrize("code", ["UNAVAILABLE", "INTERNAL", "RATE_LIMITED"])
def test_after_a_temporary_refusal_events_are_sent_again_on_the_same_connection(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentstream.reconnection.BASE_DELAY_SECONDS", 0.01)
    store = Store()
    refusals = 3

    async def handler(websocket: ServerConnection) -> None:
        nonlocal refusals
        async for frame in websocket:
            refusals -= 1
            if refusals >= 0:
                # The last one without an id, as from a server that refused to read the frame.
                id_ = json.loads(frame)["id"] if refusals else None
                await websocket.send(answer("error", id_, code=code, message="later"))
            else:
                await websocket.send(store.take(frame))

    publish(handler, "a")
    assert store.content == "a"


def test_heartbeats_and_unknown_messages_do_not_count_as_answers() -> None:
    store = Store()

    async def handler(websocket: ServerConnection) -> None:
        async for frame in websocket:
            other = answer("error", "somebody else's", code="FORBIDDEN", message="no")
            await websocket.send("\n".join([answer("pong"), answer("novelty", x=1), other]))
            await websocket.send(store.take(frame))

    publish(handler, "a")
    assert store.content == "a"


@pytest.mark.parametrize(
    ("code", "exception"),
    [
        ("FORBIDDEN", Forbidden),
        ("NOT_FOUND", NotFound),
        ("INVALID_MESSAGE", InvalidMessage),
        ("TOO_LARGE", TooLarge),
        ("SOMETHING_NEW", Refused),
    ],
)
def test_a_final_refusal_is_raised(code: str, exception: type[Refused]) -> None:
    async def handler(websocket: ServerConnection) -> None:
        async for frame in websocket:
            await websocket.send(answer("error", json.loads(frame)["id"], code=code, message="because"))

    with pytest.raises(exception, match=f"because \\({code}\\)") as raised:
        publish(handler, "a")
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("code", "exception"),
    [(4400, InvalidMessage), (4401, Unauthenticated), (4403, Forbidden), (1009, TooLarge)],
)
def test_a_final_close_code_is_raised(code: int, exception: type[Refused]) -> None:
    async def handler(websocket: ServerConnection) -> None:
        await websocket.close(code)

    with pytest.raises(exception):
        publish(handler, "a")


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 4408, 4429])
def test_after_any_other_close_code_it_reconnects(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentstream.reconnection.BASE_DELAY_SECONDS", 0.01)
    store = Store()
    connections = 0

    async def handler(websocket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            await websocket.close(code)
        else:
            await store.serve(websocket)

    publish(handler, "a")
    assert store.content == "a"


def test_every_call_raises_after_a_final_refusal() -> None:
    async def handler(websocket: ServerConnection) -> None:
        await websocket.close(4401)

    async def go() -> None:
        async with scripted(handler) as url, Publisher(url, TOKEN, AGENT) as publisher:
            await publisher.output("a")
            for call in (publisher.flush, partial(publisher.output, "b"), partial(publisher.status, "idle")):
                with pytest.raises(Unauthenticated):
                    await call()

    with pytest.raises(Unauthenticated):
        within(10, go())


def test_a_block_that_fails_raises_its_own_error_after_sending_its_events() -> None:
    store = Store()

    async def go() -> None:
        async with scripted(store.serve) as url, Publisher(url, TOKEN, AGENT) as publisher:
            await publisher.output("before")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        within(10, go())
    assert store.content == "before"


def test_a_cancelled_block_ends_at_once() -> None:
    async def go() -> None:
        async with Publisher("http://127.0.0.1:9", TOKEN, AGENT) as publisher:
            await publisher.output("never")
            await publisher.flush()

    async def cancelled() -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(go(), 0.3)

    within(2, cancelled())


def test_without_acknowledgements_the_caller_is_slowed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module.Outbox.__init__, "__defaults__", (100, 1 << 20))
    store = Store()
    gate = asyncio.Event()

    async def handler(websocket: ServerConnection) -> None:
        await gate.wait()
        await store.serve(websocket)

    async def go() -> None:
        async with scripted(handler) as url, Publisher(url, TOKEN, AGENT) as publisher:
            talking = asyncio.ensure_future(talk(publisher))
            await asyncio.sleep(0.3)
            assert not talking.done()
            assert publisher.pending == 100
            gate.set()
            await talking

    async def talk(publisher: Publisher) -> None:
        for number in range(250):
            await publisher.output(f"{number},")

    within(10, go())
    assert store.content == "".join(f"{number}," for number in range(250))


def test_a_silent_connection_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentstream.reconnection.BASE_DELAY_SECONDS", 0.01)
    monkeypatch.setattr(connection_module, "SILENCE_TIMEOUT_SECONDS", 0.2)
    store = Store()
    connections = 0

    async def handler(websocket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            await websocket.wait_closed()
        else:
            await store.serve(websocket)

    publish(handler, "a")
    assert store.content == "a"


def test_the_token_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="agentstream")

    async def go() -> None:
        publisher = Publisher("http://127.0.0.1:9", TOKEN, AGENT)
        assert TOKEN not in repr(publisher) + repr(publisher._delivery._connector)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(run(publisher), 0.3)

    async def run(publisher: Publisher) -> None:
        async with publisher:
            await publisher.output("a")

    within(5, go())
    assert "trying again" in caplog.text
    assert TOKEN not in caplog.text


def test_a_redirect_is_not_followed_with_the_token() -> None:
    async def handler(websocket: ServerConnection) -> None:
        raise AssertionError("the redirect was followed")

    async def go() -> None:
        async with scripted(handler) as elsewhere:

            def redirect(connection: ServerConnection, request: Request) -> Response:
                headers = Headers({"Location": elsewhere.replace("http", "ws") + "/ws/"})
                return Response(302, "Found", headers)

            async with serve(handler, "127.0.0.1", 0, process_request=redirect) as server:
                port = server.sockets[0].getsockname()[1]
                async with Publisher(f"http://127.0.0.1:{port}", TOKEN, AGENT) as publisher:
                    await publisher.output("a")

    with pytest.raises(Refused, match="HTTP 302"):
        within(10, go())


def test_an_invalid_proxy_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "nonsense://127.0.0.1")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(Refused, match="CANNOT_CONNECT"):
        publish(Store().serve, "a")


def test_a_wrong_url_is_named() -> None:
    with pytest.raises(ValueError, match="expected one like http://host:8000; got 'localhost:8000'"):
        Publisher("localhost:8000", TOKEN, AGENT)


def test_use_outside_its_block_is_an_error() -> None:
    with pytest.raises(AgentstreamError, match="inside its `async with` block"):
        within(1, Publisher("http://localhost", TOKEN, AGENT).output("a"))
