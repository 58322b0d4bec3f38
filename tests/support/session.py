"""A browser's session, for tests that need no browser."""

import http.cookiejar
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from tests.support.server import LiveServer


class Session:
    """The session of a user who has signed in."""

    def __init__(self, live: LiveServer, username: str) -> None:
        self._url = live.url
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))
        link = live.run("signinlink", username)
        self._opener.open(link).close()
        form = urllib.parse.urlencode({"csrfmiddlewaretoken": self.cookie("csrftoken")}).encode()
        self._opener.open(link, form).close()

    def cookie(self, name: str) -> str:
        return next(str(cookie.value) for cookie in self._jar if cookie.name == name)

    def page(self, path: str) -> tuple[int, str]:
        """A page's status, even if it is an error, and its text."""
        try:
            with self._opener.open(self._url + path) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def get(self, path: str) -> tuple[int, str, str]:
        """The status, the final URL and the text."""
        with self._opener.open(self._url + path) as answer:
            return answer.status, answer.url, answer.read().decode()

    def post(self, path: str, body: bytes, **headers: str) -> int:
        return self.ask(path, body, **headers)[0]

    def ask(self, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
        """The status, and the body if it is JSON."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with self._opener.open(urllib.request.Request(self._url + path, body, sent, method="POST")) as answer:
                is_json = answer.headers.get_content_type() == "application/json"
                return answer.status, json.loads(answer.read()) if is_json else None
        except urllib.error.HTTPError as error:
            with error:
                return error.code, None
