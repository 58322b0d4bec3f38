"""Signing in by browser, without a token to copy: the OAuth 2.0 Device Authorization Grant (RFC 8628), in small."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import webbrowser
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request

from agentstream.api import JSON, check_server, decoded, send
from agentstream.errors import NotFound, RateLimited, TryLater, Unreachable

SCOPES = ("publish", "answer", "watch")
LABEL_LENGTH = 100
SLOWER_SECONDS = 5.0  # added to the interval when the server asks for slower polls


@dataclass(frozen=True)
class Started:
    """A sign-in that waits for the user. Times are in seconds."""

    device_code: str = field(repr=False)
    user_code: str
    page: str
    page_with_code: str
    expires_in: float
    interval: float


def sign_in(
    url: str,
    insecure: bool = False,
    *,
    client: str | None = None,
    scopes: Sequence[str] = SCOPES,
    browser: bool = True,
) -> str:
    """Have the user sign in at the server at `url`, and return a new token with these scopes.

    Prints the address of the page and the code to enter there, opens the page if there is a display, and waits until
    the user has decided. `client` is what the page and the list of tokens call this program; by default, the host's
    name.

    Raises ValueError for an invalid url, `Forbidden` if the user denies it, `NotFound` if they don't decide in time or
    if the server has no such sign-in, and `Unreachable` or a `Refused` if it can't be started.
    """
    check_server(url, insecure)
    started = _start(url, _label(client or f"host {socket.gethostname()}"), scopes)
    print(f"To sign in, open {_printable(started.page)}")
    print(f"and enter the code {_printable(started.user_code)}", flush=True)
    if browser and _has_display(os.environ):
        _open(started.page_with_code)
    token, user = _wait(url, started)
    print(f"Signed in as {_printable(user)}.", flush=True)
    return token


def _start(url: str, client: str, scopes: Sequence[str]) -> Started:
    try:
        answer = _post(url, "device", {"client": client, "scopes": list(scopes)})
    except NotFound:
        message = f"{url} can't sign in by browser: create a token there, and run `agentstream login --paste`"
        raise NotFound("NOT_FOUND", message) from None
    match answer:
        case {
            "deviceCode": str(device_code),
            "userCode": str(user_code),
            "verificationUrl": str(page),
            "verificationUrlComplete": str(page_with_code),
            "expiresIn": int() | float() as expires_in,
            "interval": int() | float() as interval,
        }:
            return Started(device_code, user_code, page, page_with_code, expires_in, max(interval, 0))
        case _:
            raise Unreachable(f"{url}: expected codes for signing in; got something else")


def _wait(url: str, started: Started) -> tuple[str, str]:
    """The token and its user's name."""
    until = time.monotonic() + started.expires_in
    pause = started.interval
    while time.monotonic() + pause < until:
        time.sleep(pause)
        try:
            answer = _post(url, "device/token", {"deviceCode": started.device_code})
        except RateLimited as limited:
            pause = max(pause + SLOWER_SECONDS, limited.retry_after or 0.0)
            continue
        except (Unreachable, TryLater):
            continue
        match answer:
            case {"token": str(token), "user": str(user)}:
                return token, user
    raise NotFound("NOT_FOUND", "nobody approved the sign-in in time")


def _post(url: str, path: str, body: Mapping[str, Any]) -> Any:
    data = json.dumps(body).encode()
    return decoded(url, send(Request(f"{url.rstrip('/')}/api/{path}", data, {"Content-Type": JSON}, method="POST")))


def _has_display(environment: Mapping[str, str]) -> bool:
    if sys.platform in ("darwin", "win32"):
        return "SSH_CONNECTION" not in environment
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def _open(page: str) -> None:
    """Open the page; without a browser, its address has been printed."""
    # The address is the server's word: a file or a program's own scheme must not be opened on it.
    if urlsplit(page).scheme in ("http", "https"):
        with suppress(webbrowser.Error, OSError):
            webbrowser.open(page)


def _label(text: str) -> str:
    return _printable(text).strip()[:LABEL_LENGTH]


def _printable(text: str) -> str:
    """What comes from elsewhere, without what would control a terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
