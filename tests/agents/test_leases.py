"""Leases: an agent whose runner is gone doesn't stay `running`; one whose runner is alive does."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from agents.maintenance import AWAY_SECONDS, LeaseGuard, UptimeGuard
from agents.models import Agent
from agents.services import AgentService
from streams import maintenance
from streams.conf import conf
from tests.agents.requests import permission
from tests.support.api import Api
from tests.support.forkserver import CLIENT, ForkedPopen
from tests.support.server import LiveServer
from workspaces.services import WorkspaceService

LEASE = 2.0


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with short leases, to be killed and started again."""
    with LiveServer(tmp_path_factory.mktemp("leases"), STREAM_LEASE=str(LEASE)) as server:
        yield server


@pytest.fixture(scope="module")
def api(quick: LiveServer) -> Api:
    return Api(quick.url, quick.token("root", "--superuser"))


@pytest.fixture
def agent(api: Api) -> dict[str, Any]:
    return api.agent(api.workspace(f"Leases {uuid.uuid4()}")["id"], "runner")


def publish(
    api: Api, agent: dict[str, Any], *events: dict[str, Any], n: int = 1, producer: str = "run", **body: Any
) -> Any:
    numbered = [{"n": n + index, **event} for index, event in enumerate(events)]
    answer = api.post(f"/agents/{agent['id']}/events", {"producer": producer, "events": numbered, **body})
    assert answer.status == 200, answer
    return answer.data


def status(value: str) -> dict[str, Any]:
    return {"type": "agent:status", "payload": {"status": value}}


def asks(request_id: str) -> dict[str, Any]:
    return {"type": "agent:request", "payload": permission(request_id)}


TERMINATED = {"type": "agent:terminated", "payload": {"exitCode": 0, "reason": "completed"}}


def state(api: Api, agent: dict[str, Any]) -> tuple[str, str | None]:
    data = api.get(f"/agents/{agent['id']}").data
    return data["status"], data.get("reason")


def open_requests(api: Api, agent: dict[str, Any]) -> list[str]:
    found = api.get(f"/agents/{agent['id']}/requests").data["requests"]
    return [request["requestId"] for request in found]


def history(api: Api, agent: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    events = api.get(f"/agents/{agent['id']}/events").data["events"]
    return [(event["type"], {**event["payload"], "agentId": None}) for event in events]


def until(api: Api, agent: dict[str, Any], wanted: str, seconds: float) -> float:
    """Wait until the agent has that status; returns after how many seconds."""
    began = time.monotonic()
    while state(api, agent)[0] != wanted:
        assert time.monotonic() - began < seconds, f"expected {wanted}, got {state(api, agent)}"
        time.sleep(0.05)
    return time.monotonic() - began


@contextmanager
def runner(quick: LiveServer, api: Api, agent: dict[str, Any], command: str) -> Iterator[subprocess.Popen[bytes]]:
    slug = api.get(f"/workspaces/{agent['workspaceId']}").data["slug"]
    line = [sys.executable, "-m", "agentstream", "run", "--workspace", slug, "--name", "runner", "--", "sh", "-c"]
    environment = {**os.environ, "AGENTSTREAM_URL": quick.url, "AGENTSTREAM_TOKEN": str(api.token)}
    null = subprocess.DEVNULL
    process = ForkedPopen([*line, command], CLIENT, env=environment, stdin=null, stdout=null, stderr=null)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_only_a_lease_that_is_not_renewed_ends_an_agent(api: Api, agent: dict[str, Any]) -> None:
    renewed, ended, free = (api.agent(agent["workspaceId"], name) for name in ("renewed", "ended", "free"))
    time.sleep(LEASE)  # the server has just started
    answer = publish(api, agent, status("running"), lease=True)
    assert answer == {"agentId": agent["id"], "n": 1, "seq": 1, "lease": LEASE}
    publish(api, renewed, status("running"), lease=True)
    publish(api, ended, status("running"), lease=True)
    publish(api, free, status("running"))
    for _ in range(2):  # a retry of the last events doesn't revive the runner
        publish(api, ended, status("finished"), TERMINATED, n=2, lease=True)
    began = time.monotonic()
    while time.monotonic() - began < LEASE + 2.5:
        time.sleep(LEASE / 3)
        assert publish(api, renewed, lease=True)["n"] == 1
        found = state(api, agent)
        assert time.monotonic() - began > LEASE - 0.5 or found == ("running", None)
    assert history(api, agent)[1:] == [
        ("agent:status", {"agentId": None, "status": "offline", "reason": "lost", "previousStatus": "running"}),
        ("agent:terminated", {"agentId": None, "exitCode": None, "reason": "lost"}),
    ]
    assert [state(api, one) for one in (renewed, ended, free)] == [
        ("running", None),
        ("finished", None),
        ("running", None),
    ]


def test_a_publication_without_events_must_be_a_renewal(api: Api, agent: dict[str, Any]) -> None:
    refused = api.post(f"/agents/{agent['id']}/events", {"producer": "run", "events": []})
    assert (refused.status, refused.data["code"]) == (400, "INVALID_MESSAGE")


def test_a_killed_runner_is_lost_and_a_stopped_one_comes_back(
    quick: LiveServer, api: Api, agent: dict[str, Any]
) -> None:
    with runner(quick, api, agent, "sleep 60") as process:
        until(api, agent, "running", 10)
        time.sleep(LEASE + 1)
        assert state(api, agent) == ("running", None)
        process.send_signal(signal.SIGSTOP)
        until(api, agent, "offline", LEASE + 4)
        process.send_signal(signal.SIGCONT)
        until(api, agent, "running", LEASE + 2)
        process.kill()
        until(api, agent, "offline", LEASE + 4)
    assert state(api, agent) == ("offline", "lost")


def test_after_a_restart_live_runners_stay_and_dead_ones_are_lost(
    quick: LiveServer, api: Api, agent: dict[str, Any]
) -> None:
    dead = api.agent(agent["workspaceId"], "dead")
    publish(api, dead, status("running"), lease=True)
    with runner(quick, api, agent, "sleep 60"):
        until(api, agent, "running", 10)
        quick.kill()
        time.sleep(0.5)
        quick.start()
        until(api, dead, "offline", LEASE + 5)
        until(api, agent, "running", 10)


def test_runners_get_time_to_come_back_after_the_server_was_down() -> None:
    guard = UptimeGuard(since=1000.0, seen=1000.0)
    for now in range(1001, 1031):
        assert not guard.long_enough()
        guard.note(now)
    assert guard.long_enough()
    guard.note(1030 + AWAY_SECONDS + 1)
    assert not guard.long_enough()
    guard.note(guard.seen - 1)
    assert guard.since == guard.seen


def test_a_run_that_another_has_taken_over_from_keeps_its_requests_as_long_as_it_lives(
    api: Api, agent: dict[str, Any]
) -> None:
    time.sleep(LEASE)  # the server may have just started
    publish(api, agent, status("running"), asks("first"), lease=True)
    publish(api, agent, status("running"), asks("second"), producer="other", lease=True)
    assert api.post(f"/agents/{agent['id']}/requests", permission("http")).status == 201
    began = time.monotonic()
    while time.monotonic() - began < LEASE + 1.5:  # two living runs: the lease goes back and forth
        publish(api, agent, lease=True)
        publish(api, agent, lease=True, producer="other")
        time.sleep(LEASE / 4)
    publish(api, agent, asks("again"), n=3)  # and it is killed
    assert open_requests(api, agent) == ["first", "second", "http", "again"]
    while open_requests(api, agent) != ["second", "http"]:
        assert time.monotonic() - began < 6 * LEASE + 10, open_requests(api, agent)
        publish(api, agent, lease=True, producer="other")
        time.sleep(LEASE / 4)
    for request_id in ("first", "again"):
        found = api.get(f"/agents/{agent['id']}/requests/{request_id}").data
        assert found["resolution"]["outcome"] == "withdrawn"
    assert state(api, agent) == ("waiting", "awaiting_approval")


def test_a_run_that_ends_after_another_has_taken_over_withdraws_its_own_requests(
    api: Api, agent: dict[str, Any]
) -> None:
    publish(api, agent, asks("first"), lease=True)
    publish(api, agent, asks("second"), producer="other", lease=True)
    publish(api, agent, TERMINATED, n=2)
    assert (open_requests(api, agent), state(api, agent)) == (["second"], ("waiting", "awaiting_approval"))
    publish(api, agent, TERMINATED, n=2, producer="other")
    assert open_requests(api, agent) == []


@pytest.mark.django_db(transaction=True)
def test_lost_runners_are_reported_once() -> None:
    workspace = WorkspaceService.create("Workspace")
    agents = [AgentService.create(workspace.pk, f"agent {index}") for index in range(3)]
    past = datetime(2020, 1, 1, tzinfo=UTC)
    Agent.objects.filter(pk__in=[agent.pk for agent in agents[:2]]).update(lease_holder="run", lease_until=past)
    assert (AgentService.end_lost(), AgentService.end_lost()) == (2, 0)
    assert [agent.status for agent in Agent.objects.order_by("name")] == ["offline", "offline", "idle"]
    assert conf().LEASE == 30


def test_every_server_looks_for_runners_that_never_come_back() -> None:
    jobs = [job.run for job in maintenance.installed_jobs()]
    assert any(getattr(run, "__func__", None) is LeaseGuard.end_lost for run in jobs)
