"""Publisher and watcher against the real server: each event once and in order, whatever happens to it."""

import asyncio
import itertools
import uuid

import pytest
from agentstream import Forbidden, Gap, NotFound, Publisher, Unauthenticated, watch
from agentstream.api import Api as ClientApi

from tests.support.api import Api
from tests.support.server import LiveServer

from .place import Place, follow, until
from .scripted import within


def publisher(place: Place) -> Publisher:
    return Publisher(place.url, place.token, place.agent)


def test_everything_published_is_watched(place: Place) -> None:
    async def go() -> None:
        watching = asyncio.ensure_future(until("end", follow(place, "end")))
        async with publisher(place) as said:
            await said.status("running")
            await said.output("Hel", message_id="m", is_streaming=True)
            await said.flush()
            await said.output("lo", message_id="m", is_streaming=False)
            await said.output("ls", role="tool", kind="tool_call", tool_call_id="c", tool_name="bash")
            await said.context(42, tokens_used=84_000, tokens_limit=200_000)
            await said.error("E", "x" * 1_000_000)
            await said.terminated(137, signal="SIGKILL", reason="error")
            await said.output("end")
        seen = await watching
        own = {"agentId": place.agent}
        assert [event.seq for event in seen] == list(range(1, 10))
        assert [event.type for event in seen[-5:]] == [
            "agent:context",
            "agent:error",
            "agent:status",  # of its end
            "agent:terminated",
            "agent:output",
        ]
        assert seen[0].payload == {**own, "status": "running", "previousStatus": "idle"}
        assert [event.payload["content"] for event in seen[1:3]] == ["Hel", "lo"]
        assert seen[3].payload["toolName"] == "bash"
        assert seen[4].payload == {**own, "contextLevel": 42, "tokensUsed": 84_000, "tokensLimit": 200_000}
        assert seen[7].payload == {**own, "exitCode": 137, "signal": "SIGKILL", "reason": "error"}

    within(20, go())


@pytest.mark.parametrize(
    "content",
    ["x" * 300_000, "€" * 100_000, "\0\x1b\n" * 50_000, '"\\' * 100_000, "lone \ud83d surrogate", ""],
    ids=["long", "long in UTF-8", "control characters", "escapes", "surrogate", "empty"],
)
def test_any_content_arrives(place: Place, content: str) -> None:
    async def go() -> None:
        async with publisher(place) as said:
            await said.output(content)

    within(20, go())
    assert place.text() == content.replace("\ud83d", "\ufffd")


@pytest.mark.parametrize("message_id", [None, "m"], ids=["apart", "joined"])
def test_exactly_once_while_the_server_is_killed_under_load(
    mortal: LiveServer, mortal_place: Place, message_id: str | None
) -> None:
    """Three times kill -9, with a producer and a watcher that never stop."""
    killed = 0

    async def talk() -> int:
        async with publisher(mortal_place) as said:
            for number in itertools.count():
                await said.output(f"{number}\n", message_id=message_id)
                if killed == 3 and number % 100 == 0:
                    break
                await asyncio.sleep(0.001)
            await said.output("end")
        return number

    async def kill() -> None:
        nonlocal killed
        for _ in range(3):
            await asyncio.sleep(1)
            await asyncio.to_thread(mortal.restart)
            killed += 1

    async def go() -> None:
        live, last, _ = await asyncio.gather(until("end", follow(mortal_place, "end")), talk(), kill())
        expected = "".join(f"{number}\n" for number in range(last + 1)) + "end"
        assert "".join(event.payload["content"] for event in live) == expected
        assert mortal_place.text() == expected
        stored = mortal_place.history()
        assert [event.seq for event in stored] == list(range(1, len(stored) + 1))
        assert message_id or len(stored) == last + 2

    within(90, go())


def test_events_published_while_the_server_is_down_arrive(mortal: LiveServer, mortal_place: Place) -> None:
    async def go() -> None:
        mortal.kill()
        async with publisher(mortal_place) as said:
            for number in range(1000):
                await said.output(f"{number},")
            assert said.pending == 1000
            mortal.start()

    within(60, go())
    assert mortal_place.text() == "".join(f"{number}," for number in range(1000))


def test_watching_from_any_point(place: Place) -> None:
    async def go() -> None:
        async with publisher(place) as said:
            for number in range(9):
                await said.output(str(number))
            await said.output("end")
        for since in (0, 1, 5, 9):
            seen = await until("end", follow(place, "end", since))
            assert [event.seq for event in seen] == list(range(since + 1, 11))

    within(20, go())


def test_watching_from_beyond_the_log_reports_a_gap(place: Place) -> None:
    async def go() -> None:
        async with publisher(place) as said:
            await said.output("only")
        gap, event = await until("only", follow(place, "only", 1000))
        assert isinstance(gap, Gap)
        assert gap.state["name"] == "agent"
        assert (gap.seq, event.seq) == (0, 1)

    within(20, go())


def test_watching_a_workspace_is_enough_for_a_board(place: Place) -> None:
    async def board() -> list[tuple[str, object]]:
        changes: list[tuple[str, object]] = []
        events = watch(place.url, place.token, workspaces=[place.workspace], since=0)
        async with events:
            async for event in events:
                data = event.payload["data"]
                changes.append((event.payload["change"], data.get("status", data.get("contextLevel"))))
                if changes[-1][0] == "agent_context":
                    break
        return changes

    async def go() -> None:
        async with publisher(place) as said:
            await said.status("running")
            await said.context(7)
        assert (await board())[-2:] == [("agent_status", "running"), ("agent_context", 7)]

    within(20, go())


def test_seen_positions_appear_in_the_inbox(place: Place) -> None:
    async def go() -> None:
        api = ClientApi(place.url, place.token)
        async with publisher(place) as said:
            await said.output("so")
        position = await api.newest(place.agent)
        assert await api.mark_seen(place.agent, position) == position
        assert await api.mark_seen(place.agent, 0) == position
        async with watch(place.url, place.token, agents=[place.agent], inbox=True, since={"inbox": 0}) as events:
            async for event in events:
                if event.payload.get("agentId") == place.agent:
                    break
        assert (event.type, event.stream, event.payload["seq"]) == ("inbox:seen", "inbox", position)

    within(20, go())


def test_a_wrong_token_is_refused(live: LiveServer, place: Place) -> None:
    async def say() -> None:
        async with Publisher(live.url, "wrong", place.agent) as said:
            await said.output("a")

    async def see() -> None:
        await until("", watch(live.url, "wrong", agents=[place.agent]))

    for attempt in (say(), see(), ClientApi(live.url, "wrong").workspace("any")):
        with pytest.raises(Unauthenticated):
            within(20, attempt)


def test_an_unknown_agent_is_refused(place: Place) -> None:
    nobody = str(uuid.uuid4())

    async def say() -> None:
        async with Publisher(place.url, place.token, nobody) as said:
            await said.output("a")

    for attempt in (say(), until("", watch(place.url, place.token, agents=[nobody]))):
        with pytest.raises(NotFound, match=nobody):
            within(20, attempt)


def test_a_deleted_agent_ends_publishing_and_watching(place: Place) -> None:
    async def say() -> None:
        async with publisher(place) as said:
            await said.output("a")
            await said.flush()
            await asyncio.sleep(0.2)
            assert Api(place.url, place.token).call("DELETE", f"/agents/{place.agent}").status == 204
            await said.output("b")

    async def go() -> None:
        watching = asyncio.ensure_future(until("never", follow(place, "never")))
        with pytest.raises(NotFound):
            await say()
        with pytest.raises(NotFound, match="deleted"):
            await watching

    within(20, go())


def test_a_viewer_can_watch_but_not_publish(live: LiveServer, place: Place) -> None:
    name = f"viewer-{uuid.uuid4()}"
    token = live.token(name)
    member = f"User.objects.get(username='{name}').pk"
    call = f"WorkspaceService.set_member('{place.workspace}', {member}, 'viewer')"
    live.run("shell", "-c", f"from workspaces.services import WorkspaceService; {call}")

    async def say() -> None:
        async with Publisher(place.url, token, place.agent) as said:
            await said.output("a")

    async def go() -> None:
        async with publisher(place) as said:
            await said.output("end")
        assert len(await until("end", watch(place.url, token, agents=[place.agent], since=0))) == 1
        with pytest.raises(Forbidden, match="allow you to publish"):
            await say()

    within(20, go())


def test_names_become_ids(place: Place) -> None:
    async def go() -> None:
        api = ClientApi(place.url, place.token)
        workspace = await api.workspace(place.slug)
        assert workspace.id == place.workspace
        assert (await api.agent(workspace.id, "agent")).id == place.agent
        made = await api.agent(workspace.id, "another")
        assert made.id != place.agent
        assert await api.agent(workspace.id, "another") == made


def test_an_agent_is_created_once_however_many_ask(place: Place) -> None:
    async def go() -> None:
        api = ClientApi(place.url, place.token)
        made = await asyncio.gather(*(api.agent(place.workspace, "new") for _ in range(8)))
        assert len(set(made)) == 1

    within(20, go())
