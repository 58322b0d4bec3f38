"""One WebSocket to the server: messages out, messages in, and failures told apart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from agentstream import errors
from agentstream.credentials import authorization

SUBPROTOCOL = Subprotocol("agentstream.v1")
# The server sends a heartbeat every 30 s: after two missed ones and some grace the connection is considered dead.
SILENCE_TIMEOUT_SECONDS = 75.0

Id = int | str

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def socket_url(url: str) -> str:
    """The WebSocket's address for a server's HTTP base. Raises ValueError for an invalid base."""
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise ValueError(f"url: expected one like http://host:8000; got {url!r}")
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, parts.path.rstrip("/") + "/ws/", "", ""))


class Link(Protocol):
    """A way to the server for one publisher or watch: a connection of its own, or a part of one."""

    async def send(self, message: str, id_: Id, stream: str = "") -> None: ...

    async def receive(self) -> list[dict[str, Any]]: ...

    async def close(self) -> None: ...

    def abort(self) -> None: ...

    async def __aenter__(self) -> Link: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Connection:
    """An open WebSocket; leaving its block closes it. Sending and receiving raise the error that ended it.

    That is `Unreachable` if reconnecting may help, otherwise a `Refused`.
    """

    def __init__(self, websocket: ClientConnection, address: str) -> None:
        self._websocket = websocket
        self._address = address
        self._receiving: asyncio.Task[str] | None = None

    @classmethod
    async def open(cls, url: str, token: str) -> Connection:
        """Connect to the server whose HTTP base is `url`."""
        address = socket_url(url)
        with _failures(address):
            return cls(await _handshake(address, token), address)

    async def send(self, message: str, id_: Id, stream: str = "") -> None:
        """Send one message, which is JSON text. Waits while the network is congested.

        `id_` is the message's id, `stream` the stream to which it subscribes: where a connection is shared, they tell
        who gets the answer and the events.
        """
        with _failures(self._address):
            await self._websocket.send(message)

    async def receive(self) -> list[dict[str, Any]]:
        """The messages of the next frame. Silence of 75 s counts as a broken connection.

        May be cancelled: the next call returns a frame that arrives at that moment.
        """
        with _failures(self._address):
            self._receiving = self._receiving or asyncio.ensure_future(self._websocket.recv(decode=True))
            # Not wait_for(): before Python 3.12 it swallows a cancellation if a frame arrives at that moment.
            await asyncio.wait({self._receiving}, timeout=SILENCE_TIMEOUT_SECONDS)
            if not self._receiving.done():
                raise TimeoutError
            receiving, self._receiving = self._receiving, None
            return [json.loads(line) for line in receiving.result().split("\n")]

    async def close(self) -> None:
        """Close in an orderly way; waits at most 2 s for the server's close frame."""
        self._forget()
        await self._websocket.close()

    def abort(self) -> None:
        """Drop the connection, without waiting."""
        self._forget()
        self._websocket.transport.abort()

    def _forget(self) -> None:
        receiving, self._receiving = self._receiving, None
        if receiving:
            receiving.add_done_callback(lambda task: task.cancelled() or task.exception())
            receiving.cancel()

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def _handshake(address: str, token: str) -> ClientConnection:
    return await _Connect(
        address,
        subprotocols=[SUBPROTOCOL],
        additional_headers=authorization(token),
        # The server builds each frame once for all viewers; compression would be per connection.
        compression=None,
        # Pings would drop a connection whose reader is only slow; the server's heartbeat doesn't.
        ping_interval=None,
        close_timeout=2,
    )


class _Connect(connect):
    """Refuses redirects, which would send the token to whatever host they name."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


@contextmanager
def _failures(address: str) -> Iterator[None]:
    try:
        yield
    except ConnectionClosed as closed:
        raise _closed(closed) from closed
    except InvalidStatus as refused:
        status = refused.response.status_code
        raise errors.from_status(status, f"{address} answered with HTTP {status}") from refused
    except TimeoutError as silent:
        raise errors.Unreachable(f"{address} doesn't respond") from silent
    except (InvalidURI, InvalidProxy, ImportError) as impossible:
        raise errors.Refused("CANNOT_CONNECT", f"{address}: {impossible}") from impossible
    except (OSError, InvalidHandshake, json.JSONDecodeError) as failed:
        raise errors.Unreachable(f"{address}: {failed}") from failed


def _closed(closed: ConnectionClosed) -> errors.AgentstreamError:
    # An echoed code is this side's reason for closing, not the server's.
    if closed.rcvd is None or closed.rcvd_then_sent is False:
        return errors.Unreachable("connection lost")
    return errors.from_close(closed.rcvd.code, closed.rcvd.reason)
