"""A program's sign-in is decided only on its page, by someone signed in who has the code, and is recorded."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts import device
from accounts.models import AuditEntry
from accounts.tokens import MAX_TOKENS, issue_token
from streams.protocol.messages import Code, ProtocolError

ADDRESS = "192.0.2.1"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("maria")


@pytest.fixture
def person(user: User) -> Client:
    """The user's browser."""
    client = Client(REMOTE_ADDR="192.0.2.99")
    client.force_login(user)
    return client


@pytest.mark.django_db(transaction=True)
def test_a_user_with_too_many_tokens_gets_no_other(user: User, person: Client) -> None:
    codes, approved = (device.start("laptop", device.SCOPES, ADDRESS) for _ in range(2))
    device.approve(approved.user_code, user.pk)
    for _ in range(MAX_TOKENS):
        issue_token(user, "one of many")
    answer = person.post("/device/", {"code": codes.user_code, "approve": ""})
    assert f"Expected at most {MAX_TOKENS} tokens per user." in answer.content.decode()
    assert not device.is_approved(codes.device_code)
    with pytest.raises(ProtocolError) as refused:
        device.fetch(approved.device_code, ADDRESS)
    assert refused.value.code is Code.INVALID_MESSAGE


@pytest.mark.django_db(transaction=True)
def test_opening_the_page_approves_nothing(user: User, person: Client) -> None:
    codes = device.start("laptop", ["publish"], ADDRESS)
    for query in ({"code": codes.user_code}, {"code": codes.user_code, "approve": ""}):
        assert "Sign in this program?" in person.get("/device/", query).content.decode()
        person.head("/device/", query)
    assert "Sign in this program?" in person.post("/device/", {"code": codes.user_code}).content.decode()
    assert not device.is_approved(codes.device_code)


@pytest.mark.django_db(transaction=True)
def test_the_page_shows_who_asks_for_what_and_runs_nothing_of_it(person: Client) -> None:
    codes = device.start("<script>alert(1)</script>", ["publish"], ADDRESS)
    page = person.get("/device/", {"code": codes.user_code}).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert ADDRESS in page
    assert "add agents, publish for them" in page
    assert "answer agents" not in page
    assert codes.user_code in page


@pytest.mark.django_db(transaction=True)
def test_a_decision_needs_the_page_and_a_session(user: User) -> None:
    codes = device.start("laptop", device.SCOPES, ADDRESS)
    decision = {"code": codes.user_code, "approve": ""}
    stranger, forger = Client(), Client(enforce_csrf_checks=True)
    forger.force_login(user)
    assert stranger.post("/device/", decision)["Location"].startswith("/sign-in/")
    assert stranger.get("/device/", {"code": codes.user_code})["Location"].startswith("/sign-in/")
    assert forger.post("/device/", decision).status_code == 403
    assert not device.is_approved(codes.device_code)


@pytest.mark.django_db(transaction=True)
def test_codes_cannot_be_guessed_even_by_someone_with_a_right_one(person: Client) -> None:
    codes = device.start("laptop", device.SCOPES, ADDRESS)
    statuses = []
    for _ in range(8):
        statuses.append(person.post("/device/", {"code": "BBBB-BBBB"}).status_code)
        statuses.append(person.get("/device/", {"code": codes.user_code}).status_code)
    assert statuses[:9] == [200] * 9  # the fifth wrong one is the last
    assert statuses[9:] == [429] * 7


@pytest.mark.django_db(transaction=True)
def test_one_address_cannot_guess_codes_as_many_users() -> None:
    statuses = []
    for number in range(32):
        client = Client(REMOTE_ADDR="192.0.2.50")
        client.force_login(User.objects.create_user(f"user{number}"))
        statuses.append(client.post("/device/", {"code": "BBBB-BBBB"}).status_code)
    assert statuses == [200] * 30 + [429] * 2


@pytest.mark.django_db(transaction=True)
def test_decisions_and_the_token_are_recorded(person: Client) -> None:
    for decision in ("approve", "deny"):
        codes = device.start("laptop", ["publish"], ADDRESS)
        person.post("/device/", {"code": codes.user_code, decision: ""})
        if decision == "approve":
            secret, _ = device.fetch(codes.device_code, ADDRESS)
    person.post("/device/", {"code": "BBBB-BBBB"})
    recorded = AuditEntry.objects.filter(actor="maria").exclude(action="signed_in").order_by("pk")
    assert [(one.action, one.via, one.address) for one in recorded] == [
        ("device_approved", "session", "192.0.2.99"),
        ("token_created", "device", ADDRESS),
        ("device_denied", "session", "192.0.2.99"),
        ("device_failed", "session", "192.0.2.99"),
    ]
    assert (recorded[0].target, recorded[0].detail) == ("laptop", {"scopes": "publish", "from": ADDRESS})
    assert secret not in str([vars(one) for one in recorded])
