"""daphne with backpressure and an orderly drain.

Changes to daphne's classes: finished frames are written directly to the transport, which reports when it is full
(daphne doesn't pass that on to the application); short messages bypass autobahn's parser; the server stops reading from
a client that sends faster than it is answered; and a stop closes the sockets in steps with 1012 instead of cutting
them.
"""

import asyncio
import gc
import logging
import sys
from collections.abc import Callable
from typing import Any

from daphne.access import AccessLogGenerator
from daphne.cli import CommandLineInterface
from daphne.server import Server
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from twisted.internet import defer
from twisted.internet.task import LoopingCall

from streams.conf import conf
from streams.database import NotMigratedError, require_migrated
from streams.protocol.messages import Close
from streams.runtime import Runtime
from streams.server import compat
from streams.server.access_log import AccessLog
from streams.server.channel import RefusedConnection, StreamChannel, address_of
from streams.server.connections import Connections, raise_file_limit
from streams.server.process_lock import ProcessLock
from streams.server.protocol import Inbox, StreamProtocol, TransportSink
from streams.server.request import StreamRequest
from streams.transports.websocket import SINK

logger = logging.getLogger(__name__)

compat.share_utf8_validator()

DRAIN_STEPS = 20
# The number of new objects after which Python looks for cycles, and how often it includes older ones. With its defaults
# it would visit every socket's objects too often; with larger steps it would hold up the event loop.
GARBAGE = (5_000, 10, 40)
BODY_PIECE = 262_144  # bytes of a body passed on at once; the whole is passed on in one go, so small pieces take long
BACKLOG = 4_096  # connections waiting to be accepted; the kernel's own limit may be lower
ACCEPT_AT_ONCE = 20  # connections, before the event loop turns to the others: 5 ms
REFUSED_AT_ONCE = 20  # connections that get an error response; the rest are dropped
CUT_EVERY = 0.5  # seconds between two checks for clients that take too long
HTTP_STEP = 0.05  # seconds between two checks whether the reader of an HTTP response has caught up


class StreamServer(Server):  # type: ignore[misc]
    """daphne's server with these changes and an orderly stop on SIGTERM and SIGINT."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._when_ready: Callable[[], None] | None = kwargs.pop("ready_callable", None)
        logged = kwargs.get("action_logger")
        if isinstance(logged, AccessLogGenerator):  # that of `runserver` is a function
            kwargs["action_logger"] = AccessLog(logged.stream)
        kwargs["endpoints"] = [_with_backlog(endpoint) for endpoint in kwargs.get("endpoints") or ()]
        kwargs["request_buffer_size"] = BODY_PIECE
        super().__init__(*args, ready_callable=self._configure, **kwargs)
        self._ports: list[Any] = []
        self._lock = ProcessLock()

    def run(self) -> None:
        try:
            self._lock.acquire()
            require_migrated()
        except (ImproperlyConfigured, OperationalError, NotMigratedError) as error:
            logger.critical("cannot start: %s", str(error).strip())
            sys.exit(1)
        # Objects loaded so far live as long as the process; and each full collection visits every socket's objects.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        self.sockets = Connections(raise_file_limit())
        super().run()

    def _configure(self) -> None:
        # Close with a code (1009 for a frame too large) instead of dropping the connection silently.
        # The application refuses a null origin, like any other. Text is validated where it is decoded.
        compat.use_channels(self, self._channel, StreamRequest, self._admit)
        factory = compat.ws_options(self)
        factory.setProtocolOptions(versions=[13], failByDrop=False, allowNullOrigin=True, utf8validateIncoming=False)
        factory.protocol = compat.with_options_of(factory, StreamProtocol)
        asyncio.get_event_loop().call_soon(Runtime.start)  # not only at the first viewer: maintenance starts now
        LoopingCall(self.sockets.cut_late).start(CUT_EVERY, now=False)
        if self._when_ready:
            self._when_ready()

    def _channel(self) -> StreamChannel:
        return StreamChannel(self.sockets, self._proxied)

    def _admit(self, peer: Any) -> RefusedConnection | bool | None:
        reason = self.sockets.refusal(None if self._proxied else address_of(peer))
        if reason is None:
            return True
        # Dropped silently while many are getting an error response, because those use file descriptors, too.
        return RefusedConnection(reason) if RefusedConnection.count < REFUSED_AT_ONCE else None

    @property
    def _proxied(self) -> bool:
        """Whether connections come from a proxy with many clients."""
        return bool(self.proxy_forwarded_address_header or settings.SECURE_PROXY_SSL_HEADER)

    def listen_success(self, port: Any) -> None:
        self._ports.append(port)
        compat.limit_accepts(port, ACCEPT_AT_ONCE)
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
        compat.set_application(self, protocol, asyncio.ensure_future(application))
        return inbox

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Pass on the application's messages; send a long HTTP response no faster than its client reads it."""
        await super().handle_reply(protocol, message)
        if message["type"] == "http.response.body" and message.get("more_body"):
            await self._taken(protocol)

    async def _taken(self, protocol: Any) -> None:
        waited = 0.0
        while protocol.transport is not None:
            transport = compat.tcp(protocol.transport)
            if compat.unsent(transport) <= compat.buffer_limit(transport):
                return
            if waited > conf().STALL:
                logger.info("closing an HTTP response whose client has stopped reading")
                transport.abortConnection()
                return
            before = compat.unsent(transport) + compat.unacknowledged(transport)
            await asyncio.sleep(HTTP_STEP)
            waited = 0.0 if compat.unsent(transport) + compat.unacknowledged(transport) < before else waited + HTTP_STEP

    def kill_all_applications(self) -> Any:
        """Called before the reactor stops: drains, then lets daphne cancel the rest."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._stop()))

    async def _stop(self) -> None:
        try:
            await self._drain()
        except Exception:
            logger.exception("cannot close the sockets in an orderly way")
        await self._kill().asFuture(asyncio.get_running_loop())
        await Runtime.current().close()

    def _kill(self) -> Any:
        compat.complete_connections(self)
        return super().kill_all_applications()

    async def _drain(self) -> None:
        """Stop listening, and close the sockets in steps, so that clients don't all reconnect at once."""
        for port in self._ports:
            port.stopListening()
        open_ = compat.served_connections(self)
        sockets = [each for each in open_ if isinstance(each, StreamProtocol) and each.state == each.STATE_OPEN]
        logger.info("stopping: closing %d sockets", len(sockets))
        steps = min(DRAIN_STEPS, len(sockets))
        for step in range(steps):
            for protocol in sockets[step::steps]:
                protocol.close_soon(int(Close.RESTARTING))
            await asyncio.sleep(conf().DRAIN / steps if len(sockets) > 1 else 0)
        await self._settle()

    async def _settle(self) -> None:
        """Give pending close frames and responses a moment to be sent."""
        for _ in range(20):
            if not compat.served_connections(self):
                return
            await asyncio.sleep(0.05)


def _with_backlog(endpoint: str) -> str:
    """The endpoint with a longer backlog. Twisted lets 50 connections wait to be accepted; when many clients reconnect
    at once, the kernel would drop the rest, and they would retry after 1, 3 and 7 seconds."""
    listens = endpoint.startswith(("tcp:", "ssl:")) and "backlog=" not in endpoint
    return f"{endpoint}:backlog={BACKLOG}" if listens else endpoint


class StreamCommandLine(CommandLineInterface):  # type: ignore[misc]
    """daphne's command line, serving with our server."""

    server_class = StreamServer
