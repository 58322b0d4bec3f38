"""Nobody's input fails the calls of others that share a database batch with it."""

import concurrent.futures
import http.client
import json
import threading

import pytest

from tests.support.api import Api, agent_of
from tests.support.server import LiveServer

HOSTILE_KEYS = ["\\000aaaaaaaaaaaa", "a" * 31, "A" * 32, "\\\\", "é" * 16, "a" * 4_000]


def call_with_cookie(server: LiveServer, key: str, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request("GET", path, headers={"Cookie": f'sessionid="{key}"'.encode("latin1")})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("key", HOSTILE_KEYS, ids=range(len(HOSTILE_KEYS)))
def test_a_cookie_that_is_not_a_session_key_is_ignored(both: LiveServer, key: str) -> None:
    logged = len(both.log)
    assert call_with_cookie(both, key, "/api/workspaces") == 401
    assert call_with_cookie(both, key, "/") in (200, 302)
    assert "Traceback" not in both.log[logged:]
    assert "unavailable" not in both.log[logged:]


def test_hostile_cookies_do_not_affect_other_calls(both: LiveServer, admin: Api) -> None:
    stop = threading.Event()

    def attack() -> None:
        while not stop.is_set():
            call_with_cookie(both, HOSTILE_KEYS[0], "/api/workspaces")

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        attacks = [pool.submit(attack) for _ in range(4)]
        calls = [pool.submit(admin.get, "/workspaces") for _ in range(200)]
        statuses = {call.result().status for call in calls}
        stop.set()
        for each in attacks:
            each.result()
    assert statuses == {200}


def test_nul_in_a_reason_does_not_affect_other_publications(both: LiveServer, admin: Api) -> None:
    _, mine = agent_of(admin)
    _, theirs = agent_of(admin)
    stop = threading.Event()
    refused: set[tuple[int, str]] = set()

    def attack() -> None:
        event = {"n": 1, "type": "agent:status", "payload": {"status": "running", "reason": "\0"}}
        while not stop.is_set():
            answer = admin.post(f"/agents/{theirs}/events", {"producer": "p", "events": [event]})
            refused.add((answer.status, answer.data["code"]))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        attacks = [pool.submit(attack) for _ in range(4)]
        published = [
            admin.post(f"/agents/{mine}/events", {"producer": "p", "events": [output(n)]}).status for n in range(1, 101)
        ]
        stop.set()
        for each in attacks:
            each.result()
    assert set(published) == {200}
    assert refused == {(400, "INVALID_MESSAGE")}


def output(n: int) -> dict[str, object]:
    return {"n": n, "type": "agent:output", "payload": {"content": f"line {n}\n"}}


def test_nul_is_refused_wherever_text_comes_in(both: LiveServer, admin: Api) -> None:
    workspace_id, agent_id = agent_of(admin)
    bodies = [
        ("POST", "/workspaces", {"name": "a\0b"}),
        ("POST", f"/workspaces/{workspace_id}/agents", {"name": "a\0b"}),
        ("POST", f"/workspaces/{workspace_id}/members", {"user": "a\0b", "role": "viewer"}),
        ("POST", f"/agents/{agent_id}/input", {"content": "a\0b"}),
    ]
    for method, path, body in bodies:
        answer = admin.call(method, path, body)
        assert answer.status == 400, (path, answer)
        assert answer.data["code"] == "INVALID_MESSAGE"
        assert answer.data["message"] == "expected text without NUL, got 'a\\x00b'"
    for path in (f"/agents/{agent_id}/events?type=%00", f"/workspaces/{workspace_id}/events?type=a%00b"):
        assert admin.get(path).status == 400


def test_output_with_nul_is_stored_whole_on_every_transport(both: LiveServer, admin: Api) -> None:
    _, agent_id = agent_of(admin)
    event = {"n": 1, "type": "agent:output", "payload": {"content": "a\0b"}}
    assert admin.post(f"/agents/{agent_id}/output", {"content": "a\0b"}).status == 201
    assert admin.post(f"/agents/{agent_id}/events", {"producer": "p", "events": [event]}).status == 200
    history = admin.get(f"/agents/{agent_id}/events").data["events"]
    assert [event["payload"]["content"] for event in history] == ["a\0b", "a\0b"]


def test_an_escaped_backslash_before_u0000_is_not_nul(both: LiveServer, admin: Api) -> None:
    _, agent_id = agent_of(admin)
    assert admin.post(f"/agents/{agent_id}/input", {"content": "a\\u0000b"}).status == 201
    assert json.loads('"\\\\u0000"') == "\\u0000"
