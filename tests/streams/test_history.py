"""Pages of history over HTTP."""

from tests.support.api import Api, agent_of


def test_history_filtered_by_type_is_complete(root: Api) -> None:
    _, agent = agent_of(root)
    for number in range(120):
        root.output(agent, f"line {number}")
        if number % 40 == 0:
            assert root.post(f"/agents/{agent}/context", {"contextLevel": number // 40}).status == 201
    assert root.post(f"/agents/{agent}/status", {"status": "waiting"}).status == 201
    path = f"/agents/{agent}/events?type=agent:context&type=agent:status"
    found = root.get(path).data
    told = [event["payload"].get("contextLevel", event["payload"].get("status")) for event in found["events"]]
    assert told == [0, 1, 2, "waiting"]
    assert (found["seq"], found["oldest"], found["complete"]) == (124, 1, True)
    rest = root.get(f"{path}&since={found['events'][1]['seq']}&limit=1").data
    assert [event["payload"]["contextLevel"] for event in rest["events"]] == [2]
    assert root.get(f"/agents/{agent}/events?type=nothing").data["events"] == []
