"""Whatever ends a credential ends the sockets and event streams that it opened, within a second."""

import asyncio
import os
import time
import urllib.parse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.session import Session
from tests.support.viewer import viewer

SECONDS = 1.0
SHELL = ("shell", "--no-imports", "-c")
MARIA = "from django.contrib.auth.models import User; user = User.objects.get(username='maria'); "
TOKEN = (
    MARIA
    + "from accounts.tokens import issue_token; from django.utils import timezone; from datetime import timedelta; "
    "token, secret = issue_token(user, 'mine', timezone.now() + timedelta(seconds={})); print(token.pk, secret)"
)


@pytest.fixture
def maria(both: LiveServer) -> str:
    """The primary key of a user without workspaces."""
    both.token("maria")
    return both.run(*SHELL, MARIA + "print(user.pk)")


@pytest.fixture
def staff(both: LiveServer, admin: Api) -> Session:
    return Session(both, "root")


def form(session: Session, **fields: str) -> bytes:
    return urllib.parse.urlencode({"csrfmiddlewaretoken": session.cookie("csrftoken"), **fields}).encode()


def closes(server: LiveServer, headers: dict[str, str], act: Callable[[], object], seconds: float = SECONDS) -> None:
    """See that a socket opened with `headers` ends within so many seconds of `act`; longer on a busy machine."""
    allowed = seconds * max(1, os.getloadavg()[0])

    async def scenario() -> None:
        async with viewer(server.ws_url, None, headers=headers) as one:
            await one.ask("ping")
            await asyncio.to_thread(act)
            started = time.monotonic()
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await one.next(allowed)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4403
            assert time.monotonic() - started < allowed

    asyncio.run(scenario())


def cookie(session: Session) -> dict[str, str]:
    return {"Cookie": f"sessionid={session.cookie('sessionid')}"}


def test_a_changed_password_ends_the_sessions(both: LiveServer, staff: Session, maria: str) -> None:
    session = Session(both, "maria")
    fields = {"usable_password": "true", "password1": "gT5-wq!9-zxcv", "password2": "gT5-wq!9-zxcv"}
    path = f"/admin/auth/user/{maria}/password/"
    closes(both, cookie(session), lambda: staff.post(path, form(staff, **fields)))
    assert session.get("/")[1].startswith(f"{both.url}/sign-in/")


def test_signing_out_everywhere_ends_the_sessions_of_all_devices(both: LiveServer, maria: str) -> None:
    phone, laptop = Session(both, "maria"), Session(both, "maria")
    closes(both, cookie(phone), lambda: laptop.post("/sign-out/everywhere/", form(laptop)))
    assert phone.get("/")[1].startswith(f"{both.url}/sign-in/")


def test_an_earlier_expiry_ends_what_the_token_opened(both: LiveServer, staff: Session, maria: str) -> None:
    pk, secret = both.run(*SHELL, TOKEN.format(3_600)).split()
    past = datetime.now(UTC) - timedelta(minutes=1)
    fields = {"name": "mine", "scopes": "watch", "workspace_id": "", "agents": ""}
    fields |= {"expires_at_0": f"{past:%Y-%m-%d}", "expires_at_1": f"{past:%H:%M:%S}"}
    path = f"/admin/accounts/token/{pk}/change/"
    closes(both, {"Authorization": f"Bearer {secret}"}, lambda: staff.post(path, form(staff, **fields)))


def test_a_token_that_expires_ends_what_it_opened(both: LiveServer, maria: str) -> None:
    seconds = 5
    made = time.monotonic()
    _, secret = both.run(*SHELL, TOKEN.format(seconds)).split()
    left = seconds - (time.monotonic() - made)
    closes(both, {"Authorization": f"Bearer {secret}"}, lambda: None, max(left, 0) + SECONDS)
