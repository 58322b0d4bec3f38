"""A browser's session: writes need the CSRF token, and signing out is felt by open sockets at once."""

import asyncio
import http.cookiejar
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.api import Api, agent_of
from tests.support.server import LiveServer
from tests.support.viewer import viewer


class Session:
    """Somebody signed in with a browser."""

    def __init__(self, live: LiveServer, username: str) -> None:
        self._url = live.url
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))
        self._opener.open(live.manage("signinlink", username)).close()
        self._opener.open(f"{live.url}/").close()

    def cookie(self, name: str) -> str:
        return next(str(cookie.value) for cookie in self._jar if cookie.name == name)

    def post(self, path: str, body: bytes, **headers: str) -> int:
        return self.ask(path, body, **headers)[0]

    def ask(self, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
        """The status, and the answer if it is JSON."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with self._opener.open(urllib.request.Request(self._url + path, body, sent, method="POST")) as answer:
                is_json = answer.headers.get_content_type() == "application/json"
                return answer.status, json.loads(answer.read()) if is_json else None
        except urllib.error.HTTPError as error:
            with error:
                return error.code, None


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
