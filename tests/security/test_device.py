"""A program is signed in by browser only when its user approves it on a page, and gets its token once."""

import re
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from accounts import device
from accounts.api_device import STARTS_BURST
from accounts.credentials import clear_expired
from accounts.models import DeviceSignIn, Token, hashed
from streams.protocol.messages import Code, ProtocolError
from tests.support.api import Api, Response
from tests.support.server import LiveServer
from tests.support.session import Session

ADDRESS = "192.0.2.1"
FORM = "application/x-www-form-urlencoded"


class Program:
    """A program that wants to be signed in at a server, with its codes."""

    def __init__(self, live: LiveServer, **body: Any) -> None:
        self._api = Api(live.url)
        started = self._api.post("/device", {"client": "host laptop", **body})
        assert started.status == 201, started
        self.codes: dict[str, Any] = started.data

    def poll(self) -> Response:
        return self._api.post("/device/token", {"deviceCode": self.codes["deviceCode"]})


def decide(session: Session, program: Program, decision: str) -> int:
    form = {"csrfmiddlewaretoken": session.cookie("csrftoken"), "code": program.codes["userCode"], decision: ""}
    return session.post("/device/", urllib.parse.urlencode(form).encode(), Content_Type=FORM)


def refusal(call: Callable[..., Any], *arguments: Any) -> Code:
    with pytest.raises(ProtocolError) as refused:
        call(*arguments)
    return refused.value.code


@pytest.fixture
def user() -> User:
    return User.objects.create_user("maria")


@pytest.fixture(scope="module")
def session(both: LiveServer, admin: Api) -> Session:
    return Session(both, "root")


def test_an_approved_program_gets_a_token_with_its_scopes_once(both: LiveServer, session: Session) -> None:
    program = Program(both, scopes=["publish"])
    assert re.fullmatch("[A-Z]{4}-[A-Z]{4}", program.codes["userCode"])
    assert program.codes["verificationUrl"] == f"{both.url}/device/"
    pending = program.poll()
    assert (pending.status, pending.data) == (202, {"status": "pending"})
    assert decide(session, program, "approve") == 200
    made = program.poll()
    assert (made.status, set(made.data), made.data["user"]) == (200, {"token", "user"}, "root")
    assert Api(both.url, made.data["token"]).get("/audit").data["code"] == "FORBIDDEN"
    assert Api(both.url, made.data["token"]).get("/workspaces").status == 200


# Calls that meet in the middle unless one of them waits for the other's lock. Prints how each ended.
RACE = """
import threading
from concurrent.futures import ThreadPoolExecutor
from django.contrib.auth.models import User
from django.db import connection
from accounts import device
from accounts.models import DeviceSignIn, Token
from streams.protocol.messages import ProtocolError

user = User.objects.get(username="root")
meeting = threading.Barrier(2)
find = device.{find}

def met(*arguments):
    found = find(*arguments)
    try:
        meeting.wait(2)
    except threading.BrokenBarrierError:
        pass
    return found

def ended(call):
    try:
        call()
        return "done"
    except ProtocolError as error:
        return str(error.code)
    finally:
        connection.close()

codes = device.start("raced", device.SCOPES, "{address}")
approve = lambda: device.approve(codes.user_code, user.pk)
deny = lambda: device.deny(codes.user_code, user.pk)
fetch = lambda: device.fetch(codes.device_code, "")
{before}
device.{find} = met
with ThreadPoolExecutor(2) as pool:
    print(*sorted(pool.map(ended, {calls})), Token.objects.filter(name="raced").count())
Token.objects.filter(name="raced").delete()
device.{find} = find
"""


@pytest.mark.parametrize(
    ("find", "before", "calls", "tokens"),
    [("_asking", "approve()", "[fetch, fetch]", 1), ("_pending", "", "[approve, deny]", 0)],
    ids=["two fetches", "approval and denial"],
)
def test_of_two_calls_at_once_one_wins(
    both: LiveServer, admin: Api, find: str, before: str, calls: str, tokens: int
) -> None:
    script = RACE.format(find=find, before=before, calls=calls, address=f"192.0.2.{tokens}")
    assert both.run("shell", "-v", "0", "-c", script).splitlines()[-1] == f"NOT_FOUND done {tokens}"


def test_of_many_polls_at_once_one_gets_the_token(both: LiveServer, admin: Api, session: Session) -> None:
    program = Program(both)
    decide(session, program, "approve")
    with ThreadPoolExecutor(8) as pool:
        statuses = [answer.status for answer in pool.map(lambda _: program.poll(), range(8))]
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 404, 429}


def test_a_denied_program_gets_403(both: LiveServer, session: Session) -> None:
    program = Program(both)
    decide(session, program, "deny")
    denied = program.poll()
    assert (denied.status, denied.data["code"]) == (403, "FORBIDDEN")
    assert denied.data["message"] == "the sign-in was denied"


def test_polling_faster_than_told_is_slowed_down(live: LiveServer, root: Api) -> None:
    program = Program(live)
    answers = [program.poll() for _ in range(6)]
    assert [answer.status for answer in answers[:2]] == [202, 202]
    [limited, *_] = [answer for answer in answers if answer.status == 429]
    assert (limited.data["code"], limited.headers["Retry-After"]) == ("RATE_LIMITED", "3")


def test_an_address_that_starts_many_has_to_wait(own_live: LiveServer) -> None:
    api = Api(own_live.url)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: api.post("/device", {"client": "x"}), range(device.OPEN_PER_ADDRESS + 5)))
    assert sorted(answer.status for answer in answers)[: device.OPEN_PER_ADDRESS] == [201] * device.OPEN_PER_ADDRESS
    assert answers[-1].status == 429
    assert int(answers[-1].headers["Retry-After"]) > 60
    # More than are refilled meanwhile, however slow the machine.
    with ThreadPoolExecutor(4) as pool:
        more = list(pool.map(lambda _: api.post("/device", {"client": "x"}), range(4 * STARTS_BURST)))
    assert "too many sign-ins from this address" in {answer.data["message"] for answer in more}


@pytest.mark.parametrize(
    "body",
    [
        {"scopes": ["manage"]},
        {"scopes": ["publish", "manage"]},
        {"scopes": ["full"]},
        {"scopes": []},
        {"scopes": ["watch"] * 11},
        {"client": ""},
        {"client": "x" * 101},
        {"client": "two\nlines"},
        {"client": "\u202edesrever"},
        {"client": None},
    ],
)
def test_what_no_program_should_ask_is_refused(live: LiveServer, root: Api, body: dict[str, Any]) -> None:
    refused = Api(live.url).post("/device", {"client": "laptop", **body})
    assert (refused.status, refused.data["code"]) == (400, "INVALID_MESSAGE")


@pytest.mark.django_db(transaction=True)
def test_no_code_or_token_is_stored_in_clear(user: User) -> None:
    codes = device.start("laptop", device.SCOPES, ADDRESS)
    row = str(vars(DeviceSignIn.objects.get()))
    assert codes.device_code not in row
    assert hashed(codes.device_code) in row
    device.approve(codes.user_code, user.pk)
    assert not Token.objects.exists()
    secret, name = device.fetch(codes.device_code, ADDRESS)
    token = Token.objects.get()
    assert (name, token.user, token.name, token.expires_at) == ("maria", user, "laptop", None)
    assert token.scopes == "watch publish answer"
    assert (token.hash, secret in str(vars(token))) == (hashed(secret), False)
    assert not DeviceSignIn.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_sign_in_ends_with_its_time_and_its_user(user: User) -> None:
    pending, approved = (device.start("laptop", device.SCOPES, ADDRESS) for _ in range(2))
    device.approve(approved.user_code, user.pk)
    assert device.is_approved(approved.device_code)
    assert not device.is_approved(pending.device_code)
    assert refusal(device.fetch, pending.device_code, ADDRESS) is Code.CONFLICT
    User.objects.update(is_active=False)
    assert refusal(device.fetch, approved.device_code, ADDRESS) is Code.NOT_FOUND
    User.objects.update(is_active=True)
    DeviceSignIn.objects.update(expires_at=timezone.now())
    assert refusal(device.is_approved, approved.device_code) is Code.NOT_FOUND
    assert refusal(device.fetch, approved.device_code, ADDRESS) is Code.NOT_FOUND
    assert refusal(device.find, pending.user_code) is Code.NOT_FOUND
    assert refusal(device.approve, pending.user_code, user.pk) is Code.NOT_FOUND
    clear_expired()
    assert not DeviceSignIn.objects.exists()
    assert not Token.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_sign_in_is_decided_once(user: User) -> None:
    for first, second in ((device.approve, device.deny), (device.deny, device.approve)):
        codes = device.start("laptop", device.SCOPES, ADDRESS)
        first(codes.user_code, user.pk)
        assert refusal(second, codes.user_code, user.pk) is Code.NOT_FOUND
        assert refusal(device.find, codes.user_code) is Code.NOT_FOUND


@pytest.mark.django_db(transaction=True)
def test_a_code_may_be_typed_in_any_case_and_without_the_dash() -> None:
    code = device.start("laptop", device.SCOPES, ADDRESS).user_code
    for typed in (code, code.lower(), code.replace("-", ""), f" {code.replace('-', ' ')} "):
        assert device.find(typed).shown_code == code
    for typed in (code[:-1], f"{code}B", "", "\0" * 8, "x" * 10_000):
        assert refusal(device.find, typed) is Code.NOT_FOUND


@pytest.mark.django_db(transaction=True)
def test_only_so_many_are_open_at_one_address_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "OPEN_PER_ADDRESS", 3)
    monkeypatch.setattr(device, "OPEN_IN_ALL", 5)
    for number in range(3):
        device.start("laptop", device.SCOPES, f"2001:db8::{number}")
    assert refusal(device.start, "laptop", device.SCOPES, "2001:db8::9") is Code.RATE_LIMITED
    for number in range(2):
        device.start("laptop", device.SCOPES, f"192.0.2.{number}")
    assert refusal(device.start, "laptop", device.SCOPES, "192.0.2.9") is Code.RATE_LIMITED
    DeviceSignIn.objects.update(expires_at=timezone.now())
    device.start("laptop", device.SCOPES, "2001:db8::9")
