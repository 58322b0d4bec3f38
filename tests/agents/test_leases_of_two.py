"""Several servers check the same leases: each expired one is ended by only one of them."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.cluster import cluster
from tests.support.api import Api
from tests.support.services import Postgres, Redis, environment

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

LEASE = 2
RUNNERS = 20
STARTED = [{"n": 1, "type": "agent:status", "payload": {"status": "running"}}]


def test_an_expired_lease_is_ended_once_however_many_servers_notice(
    tmp_path: Path, postgres: Postgres, redis_server: Redis
) -> None:
    env = {**environment(postgres, redis_server), "STREAM_LEASE": str(LEASE)}
    with cluster(tmp_path, env, 2) as servers:
        site, api = servers.site(RUNNERS), servers.api
        for agent in site.agents:
            body = {"producer": "run", "events": STARTED, "lease": True}
            assert api.post(f"/agents/{agent}/events", body).status == 200
        deadline = time.monotonic() + 30
        while any(not ended(events := history(api, agent)) for agent in site.agents):
            assert time.monotonic() < deadline, events
            time.sleep(0.2)
        time.sleep(LEASE)  # time for a second server to do it again
        for agent in site.agents:
            told = [
                (event["type"], event["payload"].get("status"), event["payload"].get("reason"))
                for event in history(api, agent)
            ]
            assert told == [
                ("agent:status", "running", None),
                ("agent:status", "offline", "lost"),
                ("agent:terminated", None, "lost"),
            ]
        assert all("Traceback" not in server.log for server in servers.servers)


def history(api: Api, agent: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = api.get(f"/agents/{agent}/events").data["events"]
    return events


def ended(events: list[dict[str, Any]]) -> bool:
    return bool(events[-1]["type"] == "agent:terminated")
