"""A sign-in link works once, and only with a press of a button on a page that names the user."""

import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.credentials import clear_expired
from accounts.links import find_link, sign_in_link, spend_link
from accounts.models import SignInLink
from streams.protocol.messages import ProtocolError
from tests.support.server import LiveServer
from tests.support.session import Session


class Browser:
    """A person who has opened a link, with the page that it showed."""

    def __init__(self, link: str) -> None:
        self._link = link
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))
        with self._opener.open(link, timeout=20) as answer:
            self.page = answer.read().decode()
            self.headers = answer.headers

    def press(self) -> bool:
        """Press the page's button. Returns whether that signed them in."""
        token = next(str(cookie.value) for cookie in self._jar if cookie.name == "csrftoken")
        form = urllib.parse.urlencode({"csrfmiddlewaretoken": token}).encode()
        self._opener.open(self._link, form, timeout=60).close()
        return any(cookie.name == "sessionid" for cookie in self._jar)


def test_of_many_concurrent_uses_only_one_signs_in(both: LiveServer) -> None:
    both.token("maria", "--create")
    link = both.run("signinlink", "maria")
    browsers = [Browser(link) for _ in range(25)]
    with ThreadPoolExecutor(25) as pool:
        assert sorted(pool.map(Browser.press, browsers)) == [False] * 24 + [True]


def test_opening_a_link_spends_nothing_and_signs_nobody_in(both: LiveServer) -> None:
    both.token("maria", "--create")
    link = both.run("signinlink", "maria")
    for _ in range(3):
        urllib.request.urlopen(urllib.request.Request(link, method="HEAD"), timeout=20).close()
        browser = Browser(link)
        assert "Sign in as maria?" in browser.page
        assert "no-store" in browser.headers["Cache-Control"]
    assert browser.press()


def test_signing_in_requires_the_page(both: LiveServer) -> None:
    both.token("maria", "--create")
    link = both.run("signinlink", "maria")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(link, b"", timeout=20)
    assert Browser(link).press()


def test_a_signed_in_user_is_told_that_the_link_is_for_someone_else(live: LiveServer) -> None:
    live.token("maria", "--create")
    session = Session(live, "root")
    _, _, page = session.get(live.run("signinlink", "maria").removeprefix(live.url))
    assert "You are signed in as <strong>root</strong>" in page


@pytest.mark.django_db(transaction=True)
def test_a_link_ends_within_the_hour_and_with_its_user() -> None:
    user = User.objects.create(username="maria")
    secret = sign_in_link(user, "http://host").split("/")[-2]
    assert find_link(secret) == user
    assert secret not in SignInLink.objects.get().hash
    User.objects.update(is_active=False)
    with pytest.raises(ProtocolError):
        spend_link(secret)
    User.objects.update(is_active=True)
    SignInLink.objects.update(expires_at=timezone.now())
    for use in (find_link, spend_link):
        with pytest.raises(ProtocolError):
            use(secret)
    clear_expired()
    assert not SignInLink.objects.exists()
