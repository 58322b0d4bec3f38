"""What a viewer may rely on: subscriptions, order, resuming."""

import asyncio
import uuid
from typing import Any

from tests.support.api import Api, agent_of, report, report_many
from tests.support.server import LiveServer
from tests.support.viewer import contents, viewer


def test_no_subscription_no_event(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)
    _, other_id = agent_of(root)

    async def scenario() -> None:
        async with viewer(live.ws_url, root.token) as one:
            await one.subscribe("agent", other_id)
            await report(root, agent_id, "nobody hears this")
            assert await one.silent()

    asyncio.run(scenario())


def test_unsubscribe_stops_the_events(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)

    async def scenario() -> None:
        async with viewer(live.ws_url, root.token) as one:
            await one.subscribe("agent", agent_id)
            await report(root, agent_id, "heard")
            assert contents(await one.events(1)) == ["heard"]
            answer = await one.ask("unsubscribe:agent", {"agentId": agent_id}, id=7)
            assert answer["payload"] == {"type": "agent", "id": agent_id, "reason": "requested"}
            assert answer["id"] == 7
            await report(root, agent_id, "not heard")
            assert await one.silent()

    asyncio.run(scenario())


def test_two_viewers_get_the_same(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)

    async def scenario() -> None:
        async with viewer(live.ws_url, root.token) as one, viewer(live.ws_url, root.token, merge=False) as two:
            await one.subscribe("agent", agent_id)
            await two.subscribe("agent", agent_id)
            await report(root, agent_id, *(f"line {i}" for i in range(20)))
            assert await one.events(20) == await two.events(20)

    asyncio.run(scenario())


def test_resume_from_any_point(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)
    lines = [f"line {i}" for i in range(1, 701)]

    async def scenario() -> None:
        await report_many(root, agent_id, lines)
        for since in (0, 1, 127, 128, 129, 500, 699, 700):
            async with viewer(live.ws_url, root.token) as one:
                answer = await one.subscribe("agent", agent_id, since=since)
                assert answer["payload"]["complete"] is True
                assert (answer["payload"]["seq"], answer["payload"]["oldest"]) == (700, 1)
                events = await one.events(700 - since)
                assert [event["seq"] for event in events] == list(range(since + 1, 701))
                assert contents(events) == lines[since:]
                assert await one.silent(0.05)

    asyncio.run(scenario())


def test_replay_and_live_have_no_seam(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)

    async def scenario() -> None:
        await report_many(root, agent_id, [f"old {i}" for i in range(300)])
        writing = asyncio.create_task(report(root, agent_id, *(f"new {i}" for i in range(60))))
        async with viewer(live.ws_url, root.token) as one:
            await one.subscribe("agent", agent_id, since=0)
            events = await one.events(360)
            assert [event["seq"] for event in events] == list(range(1, 361))
        await writing

    asyncio.run(scenario())


def test_without_since_a_subscription_starts_now(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)

    async def scenario() -> None:
        await report(root, agent_id, "before")
        async with viewer(live.ws_url, root.token) as one:
            answer = await one.subscribe("agent", agent_id)
            assert answer["payload"]["seq"] == 1
            await report(root, agent_id, "after")
            assert contents(await one.events(1)) == ["after"]

    asyncio.run(scenario())


def test_without_its_state_a_stream_can_be_followed_from_now_on_and_resumed(live: LiveServer, root: Api) -> None:
    workspace_id, agent_id = agent_of(root)

    async def scenario() -> None:
        async with viewer(live.ws_url, root.token) as one:
            answer = await one.subscribe("workspace", workspace_id, state=False)
            assert "state" not in answer["payload"]
            await asyncio.to_thread(root.post, f"/agents/{agent_id}/status", {"status": "running"})
            [event] = await one.events(1)
            assert event["payload"]["change"] == "agent_status"
            assert event["seq"] == answer["payload"]["seq"] + 1
            resumed = await one.subscribe("workspace", workspace_id, since=answer["payload"]["seq"], state=False)
            assert "state" not in resumed["payload"]
            assert await one.events(1) == [event]
            assert (await one.subscribe("workspace", workspace_id))["payload"]["state"]["id"] == workspace_id
            missing = {"workspaceId": str(uuid.uuid4()), "state": False}
            assert (await one.ask("subscribe:workspace", missing))["payload"]["code"] == "NOT_FOUND"
            invalid = {"workspaceId": workspace_id, "state": "no"}
            assert (await one.ask("subscribe:workspace", invalid))["payload"]["code"] == "INVALID_MESSAGE"

    asyncio.run(scenario())


def test_subscribing_again_with_since_moves_the_position(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)

    async def scenario() -> None:
        await report_many(root, agent_id, ["a", "b", "c"])
        async with viewer(live.ws_url, root.token) as one:
            await one.subscribe("agent", agent_id)
            await one.subscribe("agent", agent_id, since=1)
            assert contents(await one.events(2)) == ["b", "c"]
            assert await one.silent()

    asyncio.run(scenario())


def test_a_position_the_log_does_not_have_is_reported_at_once(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)

    async def scenario() -> None:
        await report_many(root, agent_id, ["a", "b"])
        async with viewer(live.ws_url, root.token) as one:
            beyond = await one.subscribe("agent", agent_id, since=99)
            assert beyond["payload"]["complete"] is False
            events = await one.events(2)
            assert contents(events) == ["a", "b"]
            true_at = events[0]["timestamp"]
            right = await one.subscribe("agent", agent_id, since=1, at=true_at)
            assert right["payload"]["complete"] is True
            assert contents(await one.events(1)) == ["b"]
            wrong = await one.subscribe("agent", agent_id, since=1, at="2020-01-01T00:00:00.000Z")
            assert wrong["payload"]["complete"] is False
            assert contents(await one.events(2)) == ["a", "b"]

    asyncio.run(scenario())


def test_the_state_is_the_one_after_seq(live: LiveServer, root: Api) -> None:
    """Present state + the events since = what a fresh subscription returns."""
    workspace_id, agent_id = agent_of(root)

    def apply(state: dict[str, Any], event: dict[str, Any]) -> None:
        change, data = event["payload"]["change"], event["payload"]["data"]
        agents = {agent["id"]: agent for agent in state["agents"]}
        match change:
            case "workspace_updated":
                state.update(data)
            case "agent_added" | "agent_updated":
                agents[data["id"]] = data
            case "agent_removed":
                del agents[data["agentId"]]
            case "agent_status":
                agents[data["agentId"]].update(status=data["status"], statusSeq=data["statusSeq"])
                agents[data["agentId"]].pop("reason", None)
                agents[data["agentId"]].update({"reason": data["reason"]} if "reason" in data else {})
            case "agent_context":
                agents[data["agentId"]]["contextLevel"] = data["contextLevel"]
        state["agents"] = list(agents.values())

    def comparable(state: dict[str, Any]) -> dict[str, Any]:
        agents = sorted(
            ({key: value for key, value in agent.items() if key != "updatedAt"} for agent in state["agents"]),
            key=lambda agent: agent["name"],
        )
        return {**state, "agents": agents}

    async def scenario() -> None:
        async with viewer(live.ws_url, root.token) as one:
            answer = await one.subscribe("workspace", workspace_id)
            state, seq = answer["payload"]["state"], answer["payload"]["seq"]
            steps: list[tuple[str, str, dict[str, Any]]] = [
                ("POST", f"/agents/{agent_id}/status", {"status": "running"}),
                ("POST", f"/workspaces/{workspace_id}/agents", {"name": "second"}),
                ("POST", f"/agents/{agent_id}/context", {"contextLevel": 41}),
                ("PATCH", f"/agents/{agent_id}", {"name": "renamed"}),
                ("POST", f"/agents/{agent_id}/status", {"status": "waiting", "reason": "awaiting_input"}),
                ("PATCH", f"/workspaces/{workspace_id}", {"name": "Renamed"}),
                ("POST", f"/agents/{agent_id}/status", {"status": "idle"}),
            ]
            for step, (method, path, body) in enumerate(steps, 1):
                done = await asyncio.to_thread(root.call, method, path, body)
                assert done.status in (200, 201), done
                [event] = await one.events(1)
                assert event["seq"] == seq + step
                apply(state, event)
                async with viewer(live.ws_url, root.token) as fresh:
                    now = (await fresh.subscribe("workspace", workspace_id))["payload"]
                assert now["seq"] == event["seq"]
                assert comparable(now["state"]) == comparable(state)

    asyncio.run(scenario())


def test_setting_the_current_status_changes_nothing(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)

    async def scenario() -> None:
        async with viewer(live.ws_url, root.token) as one:
            await one.subscribe("agent", agent_id)
            for status in ("running", "running", "finished"):
                await asyncio.to_thread(root.post, f"/agents/{agent_id}/status", {"status": status})
            first, second = await one.events(2)
            assert first["payload"] == {"agentId": agent_id, "status": "running", "previousStatus": "idle"}
            assert second["payload"] == {"agentId": agent_id, "status": "finished", "previousStatus": "running"}
            assert await one.silent()

    asyncio.run(scenario())


def test_a_deleted_agent_ends_its_subscriptions(live: LiveServer, root: Api) -> None:
    workspace_id, agent_id = agent_of(root)

    async def scenario() -> None:
        async with viewer(live.ws_url, root.token) as one:
            await one.subscribe("agent", agent_id)
            await one.subscribe("workspace", workspace_id)
            assert (await asyncio.to_thread(root.call, "DELETE", f"/agents/{agent_id}")).status == 204
            told = [await one.next(), await one.next()]
            ended = next(message for message in told if message["type"] == "unsubscribed")
            assert ended["payload"] == {"type": "agent", "id": agent_id, "reason": "deleted"}
            removed = next(message for message in told if message["type"] == "workspace:updated")
            assert removed["payload"]["change"] == "agent_removed"

    asyncio.run(scenario())


def test_frames_without_the_subprotocol_contain_one_message(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)

    async def scenario() -> None:
        await report_many(root, agent_id, [f"line {i}" for i in range(50)])
        async with viewer(live.ws_url, root.token, merge=False) as one:
            await one.subscribe("agent", agent_id, since=0)
            frames = [await asyncio.wait_for(one.socket.recv(), 5) for _ in range(50)]
            assert not any("\n" in str(frame) for frame in frames)

    asyncio.run(scenario())


def test_frames_stay_under_256_kib(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)

    async def scenario() -> None:
        await report_many(root, agent_id, ["é" * 30_000] * 5)
        await report_many(root, agent_id, ["é" * 30_000] * 5, "q")
        async with viewer(live.ws_url, root.token) as one:
            await one.send("subscribe:agent", {"agentId": agent_id, "since": 0})
            seen = 0
            while seen < 10:
                frame = str(await asyncio.wait_for(one.socket.recv(), 5))
                assert len(frame.encode()) < 256 * 1024
                seen += frame.count('"seq":') if "subscribed" not in frame else 0

    asyncio.run(scenario())
