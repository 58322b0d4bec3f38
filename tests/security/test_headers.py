"""Headers forged by a client are ignored, or cause an error for that client only."""

import http.client

import pytest

from tests.support.api import Api, agent_of
from tests.support.server import LiveServer


def test_a_clients_root_path_is_ignored(live: LiveServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=10)
    try:
        connection.request("GET", "/", headers={"Daphne-Root-Path": "/evil"})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (302, "/sign-in/?next=/")
    finally:
        connection.close()


@pytest.mark.parametrize("value", ["9" * 25, str(2**63), "-1", "1.0", "1e3", "x", "\xb2", "1 2"])
def test_a_last_event_id_that_is_not_a_seq_is_refused(both: LiveServer, admin: Api, value: str) -> None:
    _, agent_id = agent_of(admin)
    answer = admin.call("GET", f"/agents/{agent_id}/stream", Last_Event_ID=value)
    assert (answer.status, answer.data["code"]) == (400, "INVALID_MESSAGE")
    assert answer.data["message"].startswith("Last-Event-ID: expected a seq")
