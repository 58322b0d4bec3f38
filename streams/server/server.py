"""daphne with backpressure and an orderly drain.

Added to daphne's classes: frames already assembled are written straight to the transport, which says when it is full
(daphne gives an application no such word); short messages are read without autobahn's parser; a client that sends
faster than it is answered is not read from meanwhile; and a stop closes the sockets in steps with 1012 instead of
cutting them.
"""

import asyncio
import gc
import logging
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from autobahn.websocket import protocol as websocket
from daphne.cli import CommandLineInterface
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from twisted.internet import defer, reactor

from streams.conf import conf
from streams.protocol.messages import Close
from streams.runtime import Runtime
from streams.server import process_lock
from streams.server.fast_frames import whole_texts
from streams.server.inbox import Inbox
from streams.server.transport import TransportSink, tcp, unacknowledged, unsent
from streams.transports.websocket import SINK

logger = logging.getLogger(__name__)

# One for all connections, as none uses it (utf8validateIncoming=False): making one takes 0.3 ms.
websocket.Utf8Validator = cache(websocket.Utf8Validator)  # type: ignore[assignment,attr-defined]

ABORT_AFTER = 5.0  # seconds for a client to answer our close frame before the connection is cut
DRAIN_STEPS = 20
GARBAGE = 20_000  # objects made, and not yet let go, after which Python looks for cycles (its default: 700)
BACKLOG = 4_096  # connections that wait to be accepted; the kernel's own limit may be lower
HTTP_STEP = 0.05  # seconds between two looks at whether the reader of an HTTP answer has caught up


class StreamProtocol(WebSocketProtocol):  # type: ignore[misc]
    """daphne's WebSocket protocol, reading simple messages in a simple way and closing within a bounded time."""

    @classmethod
    def configured(cls, factory: Any) -> type:
        """This class with the factory's options, which autobahn would copy to every connection, and format for a log
        that nobody reads: half a millisecond, and a kilobyte for as long as it lasts."""
        options = {name: getattr(factory, name) for name in cls.CONFIG_ATTRS}
        options = {name: staticmethod(value) if callable(value) else value for name, value in options.items()}
        return type(cls.__name__, (cls,), {**options, "CONFIG_ATTRS": ()})

    def onOpen(self) -> None:  # noqa: N802 (autobahn's name)
        super().onOpen()
        # What the handshake said has been read by all who want it; kept, it is 3 KB for as long as the socket lasts.
        self.http_request_data = b""
        self.http_response_data = ""
        self.http_headers.clear()
        self.clean_headers.clear()  # the scope's too
        self.send_queue = ()  # for sends in small pieces, which are never asked for

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803 (autobahn's names)
        try:
            super().onMessage(payload, isBinary)
        except UnicodeDecodeError:
            self.close_soon(self.CLOSE_STATUS_CODE_INVALID_PAYLOAD)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 (Twisted's name)
        if self._between_frames():
            payloads, end = whole_texts(data)
            for payload in payloads:
                self.onMessage(payload, False)
            if end == len(data):
                return
            data = data[end:]
        super().dataReceived(data)

    def _between_frames(self) -> bool:
        """Whether what comes next is a frame of its own, and autobahn has nothing to note at its coming."""
        return (
            self.state == self.STATE_OPEN
            and not self.data
            and self.current_frame is None
            and not self.inside_message
            and not self.autoPingTimeoutCall
        )

    def close_soon(self, code: int) -> None:
        """Send a close frame; cut the connection if the client does not answer it."""
        if self.state == self.STATE_OPEN:
            self.muted = True
            self.sendCloseFrame(code=code)  # sendClose would refuse 1011 and 1012
            reactor.callLater(ABORT_AFTER, self._abort)

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802 (daphne's name)
        self.close_soon(1000 if code is None else int(code))

    def _abort(self) -> None:
        if self.state != self.STATE_CLOSED and self.transport is not None:
            self.transport.abortConnection()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802, N803
        self.muted = False  # the application must hear of the end even where it asked for it
        super().onClose(wasClean, code, reason)


class StreamServer(Server):  # type: ignore[misc]
    """daphne's server with the above, which stops in order on SIGTERM and SIGINT."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._when_ready: Callable[[], None] | None = kwargs.pop("ready_callable", None)
        kwargs["endpoints"] = [_with_backlog(endpoint) for endpoint in kwargs.get("endpoints") or ()]
        super().__init__(*args, ready_callable=self._configure, **kwargs)
        self._ports: list[Any] = []

    def run(self) -> None:
        try:
            process_lock.claim()
        except (ImproperlyConfigured, OperationalError) as error:
            logger.critical("cannot start: %s", str(error).strip())
            sys.exit(1)
        # What has been loaded so far stays for good; and a collection looks at every socket's objects, all at once.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE)
        super().run()

    def _configure(self) -> None:
        # Close with a code (1009 for a frame too large) instead of dropping the connection without a word.
        # A null origin is for the application to refuse, like any other. Text is validated where it is decoded.
        self.ws_factory.setProtocolOptions(failByDrop=False, allowNullOrigin=True, utf8validateIncoming=False)
        self.ws_factory.protocol = StreamProtocol.configured(self.ws_factory)
        asyncio.get_event_loop().call_soon(Runtime.start)  # not only with the first viewer: maintenance is due before
        if self._when_ready:
            self._when_ready()

    def listen_success(self, port: Any) -> None:
        self._ports.append(port)
        super().listen_success(port)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if not isinstance(protocol, StreamProtocol):
            return super().create_application(protocol, scope)
        scope.setdefault("asgi", {"version": "3.0"})
        scope["extensions"] = {SINK: TransportSink(protocol)}
        inbox = Inbox(protocol)

        async def send(message: dict[str, Any]) -> None:
            await self.handle_reply(protocol, message)

        application = self.application(scope=scope, receive=inbox.get, send=send)
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(application)
        return inbox

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Pass on what the application says; of a long HTTP answer, no faster than its reader takes it."""
        await super().handle_reply(protocol, message)
        if message["type"] == "http.response.body" and message.get("more_body"):
            await self._taken(protocol)

    async def _taken(self, protocol: Any) -> None:
        waited = 0.0
        while protocol.transport is not None and unsent(transport := tcp(protocol.transport)) > transport.bufferSize:
            if waited > conf().STALL:
                logger.info("cutting an HTTP answer whose reader takes nothing")
                transport.abortConnection()
                return
            before = unsent(transport) + unacknowledged(transport)
            await asyncio.sleep(HTTP_STEP)
            waited = 0.0 if unsent(transport) + unacknowledged(transport) < before else waited + HTTP_STEP

    def kill_all_applications(self) -> Any:
        """Called before the reactor stops: drain, then let daphne cancel what is left."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._stop()))

    async def _stop(self) -> None:
        try:
            await self._drain()
        except Exception:
            logger.exception("the sockets could not be closed in order")
        await self._kill().asFuture(asyncio.get_running_loop())

    def _kill(self) -> Any:
        for details in self.connections.values():
            # daphne trips over a connection whose application has been reaped already
            details.setdefault("application_instance", _finished())
        return super().kill_all_applications()

    async def _drain(self) -> None:
        """Stop listening; close the sockets in steps, so that their clients do not all come back in one instant."""
        for port in self._ports:
            port.stopListening()
        sockets = [p for p in self.connections if isinstance(p, StreamProtocol) and p.state == p.STATE_OPEN]
        logger.info("stopping: closing %d sockets", len(sockets))
        steps = min(DRAIN_STEPS, len(sockets))
        for step in range(steps):
            for protocol in sockets[step::steps]:
                protocol.close_soon(int(Close.RESTARTING))
            await asyncio.sleep(conf().DRAIN / steps if len(sockets) > 1 else 0)
        await self._settle()

    async def _settle(self) -> None:
        """Give close frames and answers under way a moment to leave."""
        for _ in range(20):
            if not any("disconnected" not in details for details in self.connections.values()):
                return
            await asyncio.sleep(0.05)


def _with_backlog(endpoint: str) -> str:
    """Twisted lets 50 connections wait to be accepted. Of a crowd that comes back at once the rest would be dropped by
    the kernel, and try again after 1, 3 and 7 seconds."""
    listens = endpoint.startswith(("tcp:", "ssl:")) and "backlog=" not in endpoint
    return f"{endpoint}:backlog={BACKLOG}" if listens else endpoint


def _finished() -> asyncio.Future[None]:
    future: asyncio.Future[None] = asyncio.get_event_loop().create_future()
    future.set_result(None)
    return future


class StreamCommandLine(CommandLineInterface):  # type: ignore[misc]
    """daphne's command line, serving with our server."""

    server_class = StreamServer
