"""One WebSocket to the server: messages out, messages in, and failures told apart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket_connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from agentstream import errors
from agentstream.credentials import authorization

SUBPROTOCOL = Subprotocol("agentstream.v1")
# The server sends a heartbeat each 30 s: two missed and some grace mean that nobody is there.
SILENCE = 75.0

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def socket_url(url: str) -> str:
    """The WebSocket's address for a server's HTTP base. Raises ValueError for what is not such a base."""
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise ValueError(f"url: expected one like http://host:8000; got {url!r}")
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, parts.path.rstrip("/") + "/ws/", "", ""))


class Connection:
    """An open WebSocket; both calls raise what ends it."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket

    async def send(self, message: str) -> None:
        """Send one message, already JSON; waits while the network is not taking it."""
        await self._websocket.send(message)

    async def receive(self) -> list[dict[str, Any]]:
        """The messages of the next frame. Silence of 75 s counts as a broken connection."""
        frame = await asyncio.wait_for(self._websocket.recv(decode=True), SILENCE)
        return [json.loads(line) for line in frame.split("\n")]


class _Handshake(websocket_connect):
    """Following a redirect would hand the token to whatever host it names."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


@asynccontextmanager
async def connect(url: str, token: str) -> AsyncIterator[Connection]:
    """A connection to the server whose HTTP base is `url`.

    Whatever ends it, in the handshake or in the body, is raised as `Unreachable` (come back) or `Refused`.
    """
    address = socket_url(url)
    try:
        websocket = await _Handshake(
            address,
            subprotocols=[SUBPROTOCOL],
            additional_headers=authorization(token),
            # The server's frames are joined once for all viewers; compressing would undo that.
            compression=None,
            # Pings would call a line dead whose reader is only slow; the server's heartbeat does not.
            ping_interval=None,
            close_timeout=2,
        )
        try:
            yield Connection(websocket)
        finally:
            await websocket.close()
    except ConnectionClosed as closed:
        raise _closed(closed) from closed
    except InvalidStatus as refused:
        status = refused.response.status_code
        raise errors.from_status(status, f"{address} answered with HTTP {status}") from refused
    except (TimeoutError, asyncio.TimeoutError) as silent:
        raise errors.Unreachable(f"{address} does not answer") from silent
    except (OSError, InvalidHandshake, json.JSONDecodeError) as failed:
        raise errors.Unreachable(f"{address}: {failed}") from failed


def _closed(closed: ConnectionClosed) -> errors.AgentstreamError:
    # A code that the server only echoed says what this side disliked, not what the server did.
    if closed.rcvd is None or closed.rcvd_then_sent is False:
        return errors.Unreachable("connection lost")
    return errors.from_close(closed.rcvd.code, closed.rcvd.reason)
