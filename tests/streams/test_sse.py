"""The same stream as server-sent events."""

import asyncio
import json
import threading
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.support.api import Api, agent_of, report
from tests.support.server import LiveServer


class Source:
    """An open event stream."""

    def __init__(self, root: Api, path: str, **headers: str) -> None:
        sent = {"Authorization": f"Bearer {root.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        self._answer = urllib.request.urlopen(urllib.request.Request(f"{root.url}/api{path}", headers=sent), timeout=10)
        assert self._answer.headers["Content-Type"] == "text/event-stream"

    def next(self) -> tuple[str | None, dict[str, Any]]:
        """The next event: its id and its data."""
        id_ = None
        while line := self._answer.readline().decode():
            name, _, value = line.rstrip("\n").partition(": ")
            match name:
                case "id":
                    id_ = value
                case "data":
                    assert self._answer.readline() == b"\n"
                    return id_, json.loads(value)
        raise EOFError

    def close(self) -> None:
        self._answer.close()


def test_a_stream_over_sse_starts_where_requested_and_continues_live(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)
    asyncio.run(report(root, agent_id, "one", "two"))
    source = Source(root, f"/agents/{agent_id}/stream?since=1")
    _, subscribed = source.next()
    assert subscribed["type"] == "subscribed"
    assert subscribed["payload"]["complete"] is True
    assert source.next()[0] == "2"
    threading.Timer(0.1, root.output, [agent_id, "three"]).start()
    id_, event = source.next()
    assert (id_, event["seq"], event["payload"]["content"]) == ("3", 3, "three")
    source.close()


def test_last_event_id_resumes(live: LiveServer, root: Api) -> None:
    workspace_id, agent_id = agent_of(root)
    for status in ("running", "waiting", "idle"):
        root.post(f"/agents/{agent_id}/status", {"status": status})
    newest = root.get(f"/workspaces/{workspace_id}/events").data["seq"]
    source = Source(root, f"/workspaces/{workspace_id}/stream", Last_Event_ID=str(newest - 1))
    source.next()
    id_, event = source.next()
    assert (id_, event["payload"]["data"]["status"]) == (str(newest), "idle")
    source.close()


def test_a_deleted_agent_ends_its_event_stream(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)
    source = Source(root, f"/agents/{agent_id}/stream")
    source.next()
    root.call("DELETE", f"/agents/{agent_id}")
    assert source.next()[1]["payload"]["reason"] == "deleted"
    with pytest.raises(EOFError):
        source.next()


def test_nobody_can_stream_what_they_may_not_see(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)
    with pytest.raises(urllib.error.HTTPError) as refused:
        Source(Api(root.url, live.token("stranger")), f"/agents/{agent_id}/stream")
    with refused.value as error:
        assert error.code == 404
