"""`agentstream run --adapter acp`: people on the page are the client of an agent."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.api import Api

from .command import ending, running, wait_for
from .place import Place

AGENT = (sys.executable, str(Path(__file__).with_name("acp_agent.py")))


def post(place: Place, path: str, **given: Any) -> int:
    return Api(place.url, place.token).post(f"/agents/{place.agent}/{path}", given).status


def status(place: Place) -> str:
    return str(Api(place.url, place.token).get(f"/agents/{place.agent}").data["status"])


def until(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def open_requests(place: Place) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Api(place.url, place.token).get(f"/agents/{place.agent}/requests").data["requests"]
    return found


def test_an_agent_is_prompted_permitted_interrupted_and_seen_to_die(place: Place) -> None:
    with running(place, *AGENT, options=("--adapter", "acp", "--quiet")) as process:
        until(lambda: [event for event in place.history() if event.type == "agent:session"])
        assert post(place, "input", content="say Hello. ") in (200, 201)
        wait_for(place, "Hello. ")
        post(place, "input", content="push main")
        [request] = until(lambda: open_requests(place))
        assert (request["title"], request["kind"]) == ("Allow: push main", "permission")
        assert status(place) == "waiting"
        assert post(place, f"requests/{request['requestId']}/answer", option="o1") == 200
        wait_for(place, "told: {'optionId': 'yes', 'outcome': 'selected'}. ")
        assert post(place, f"requests/{request['requestId']}/answer", option="o2") == 409
        post(place, "input", content="wait here")
        wait_for(place, "waiting. ")
        post(place, "signal", signal="interrupt")
        until(lambda: status(place) == "idle")
        post(place, "input", content="die now")
        assert process.wait(20) == 3
    assert ending(place.history()) == ("error", "process_error", 3, None, "error")
    assert place.text(role="system") == 'ready\n{"jsonrpc":"2.0","method":"session/upd'
    assert place.text().count("told") == 1
