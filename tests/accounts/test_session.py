"""A browser's session: writes need the CSRF token, and signing out closes open sockets at once."""

import asyncio
import json
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.api import Api, agent_of
from tests.support.server import LiveServer
from tests.support.session import Session
from tests.support.viewer import viewer


@pytest.fixture(scope="module")
def session(live: LiveServer, root: Api) -> Session:
    return Session(live, "root")


def test_a_write_by_session_needs_the_csrf_token(live: LiveServer, root: Api, session: Session) -> None:
    _, agent_id = agent_of(root)
    path, body = f"/api/agents/{agent_id}/input", json.dumps({"content": "go on"}).encode()
    assert session.post(path, body, Content_Type="application/json") == 403
    token = session.cookie("csrftoken")
    assert session.post(path, body, Content_Type="application/json", X_CSRFToken=token) == 201
    foreign = {"Origin": "http://evil.example", "X_CSRFToken": token}
    assert session.post(path, body, Content_Type="application/json", **foreign) == 403
    [event] = root.get(f"/agents/{agent_id}/events").data["events"]
    assert event["payload"] == {"agentId": agent_id, "content": "go on", "from": "root"}


def test_signing_out_closes_the_sessions_sockets_at_once(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)
    session = Session(live, "root")
    headers = {"Cookie": f"sessionid={session.cookie('sessionid')}", "Origin": live.url}

    async def scenario() -> None:
        async with viewer(live.ws_url, headers=headers) as one:
            await one.subscribe("agent", agent_id)
            form = urllib.parse.urlencode({"csrfmiddlewaretoken": session.cookie("csrftoken")}).encode()
            started = time.monotonic()
            assert await asyncio.to_thread(session.post, "/sign-out/", form) == 200
            with pytest.raises(ConnectionClosed) as closed:
                await one.next()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4403
            assert time.monotonic() - started < 5

    asyncio.run(scenario())
