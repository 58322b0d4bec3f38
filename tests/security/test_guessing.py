"""Passwords can't be guessed by trying, and guessing doesn't lock a user out."""

import http.cookiejar
import logging
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from accounts import throttle
from accounts.models import SignInFailures
from streams.protocol.messages import Code, ProtocolError
from tests.support.api import Api
from tests.support.server import LiveServer

PASSWORD = "correct horse battery"


def sign_in(live: LiveServer, username: str, password: str, path: str = "/sign-in/") -> tuple[int, str | None, str]:
    """Status, Retry-After and the address that signing in with a browser ends at."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    opener.open(live.url + path, timeout=30).close()
    token = next(str(cookie.value) for cookie in jar if cookie.name == "csrftoken")
    form = {"csrfmiddlewaretoken": token, "username": username, "password": password}
    try:
        with opener.open(live.url + path, urllib.parse.urlencode(form).encode(), timeout=60) as answer:
            return answer.status, answer.headers["Retry-After"], answer.url
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Retry-After"], error.url


@pytest.mark.parametrize("path", ["/sign-in/", "/admin/login/"])
def test_concurrent_guesses_count_like_sequential_ones(both: LiveServer, admin: Api, path: str) -> None:
    name = "guessed" + path.strip("/").replace("/", "-")
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda number: sign_in(both, name, str(number), path), range(12)))
    assert sorted(status for status, _, _ in answers) == [200] * 5 + [429] * 7
    assert all(wait and 1 <= int(wait) <= 11 for status, wait, _ in answers if status == 429)


def test_invalid_tokens_are_slowed_down_and_valid_ones_are_not(
    own_live: LiveServer,
) -> None:
    good = Api(own_live.url, own_live.token("root"))
    bad = Api(own_live.url, "ags_wrong")
    answers = [bad.get("/workspaces").status for _ in range(throttle.SECRETS_BURST + 20)]
    assert answers[: throttle.SECRETS_BURST] == [401] * throttle.SECRETS_BURST
    assert 429 in answers[throttle.SECRETS_BURST :]
    assert good.get("/workspaces").status == 200


def attempts(username: str, address: str, count: int) -> int:
    """How many attempts of so many get as far as the password."""
    admitted = 0
    for _ in range(count):
        try:
            throttle.begin(username, address)
            admitted += 1
        except ProtocolError as error:
            assert error.code is Code.RATE_LIMITED
            assert error.retry_after is not None
    return admitted


def pass_time(seconds: float) -> None:
    for row in SignInFailures.objects.all():
        row.until -= timedelta(seconds=seconds)
        row.last_at -= timedelta(seconds=seconds)
        row.save()


@pytest.mark.django_db(transaction=True)
def test_guessing_locks_nobody_out_at_another_address() -> None:
    assert attempts("maria", "192.0.2.1", 10) == 5
    assert attempts("maria", "198.51.100.7", 1) == 1


@pytest.mark.django_db(transaction=True)
def test_each_failure_doubles_the_wait() -> None:
    assert attempts("maria", "192.0.2.1", 6) == 5
    for wait in (10, 20, 40):
        pass_time(wait - 1)
        assert attempts("maria", "192.0.2.1", 1) == 0
        pass_time(1.1)
        assert attempts("maria", "192.0.2.1", 1) == 1


@pytest.mark.django_db(transaction=True)
def test_guesses_from_everywhere_slow_an_account_down_but_not_where_its_user_is_known() -> None:
    throttle.begin("maria", "203.0.113.9")
    throttle.succeed("maria", "203.0.113.9")
    admitted = sum(attempts("maria", f"192.0.2.{number}", 1) for number in range(80))
    assert admitted == 50
    assert attempts("maria", "203.0.113.9", 1) == 1


@pytest.mark.django_db(transaction=True)
def test_one_address_cannot_try_one_password_on_many_accounts() -> None:
    assert sum(attempts(f"user{number}", "192.0.2.1", 1) for number in range(50)) == 30
    # A customer has a whole /64.
    assert sum(attempts(f"user{number}", f"2001:db8::{number:x}", 1) for number in range(50)) == 30


@pytest.mark.django_db(transaction=True)
def test_a_correct_password_does_not_count_as_a_failure() -> None:
    for _ in range(40):
        throttle.begin("maria", "192.0.2.1")
        throttle.succeed("maria", "192.0.2.1")
    assert not SignInFailures.objects.filter(failures__gt=0).exists()


@pytest.mark.django_db(transaction=True)
def test_expired_failures_are_removed() -> None:
    User.objects.create(username="maria")
    attempts("maria", "192.0.2.1", 5)
    throttle.remove_forgotten()
    assert SignInFailures.objects.count() == 3
    SignInFailures.objects.update(
        last_at=timezone.now() - timedelta(hours=3), until=timezone.now() - timedelta(hours=3)
    )
    throttle.remove_forgotten()
    assert not SignInFailures.objects.exists()


def test_invalid_secrets_are_logged_and_then_refused(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "accounts.throttle"):
        for _ in range(throttle.SECRETS_BURST):
            throttle.note_failure("token", "192.0.2.77")
        with pytest.raises(ProtocolError) as refused:
            throttle.note_failure("token", "192.0.2.77")
    assert refused.value.retry_after
    assert "invalid token from 192.0.2.77" in caplog.text
    throttle.note_failure("token", "192.0.2.78")
