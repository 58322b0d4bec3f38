"""One WebSocket connection: reading its messages, queueing them, and writing finished frames to its socket."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from autobahn.websocket.types import ConnectionDeny
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import reactor
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from streams.conf import conf
from streams.hub.window import Frame
from streams.protocol.limits import Bucket
from streams.protocol.messages import Close
from streams.server import compat
from streams.server.connections import Phase

INBOX_MESSAGES = 64  # of one client waiting to be handled before the server stops reading from it
KERNEL_BYTES = 131_072  # unsent bytes that the kernel may hold for one socket
CLOSE_SECONDS = 5.0  # for a client to answer our close frame before the connection is cut
REFUSED_CLOSE_SECONDS = 1.0  # the same, for a client that isn't signed in
REFUSED_BYTES = 4_096  # read from a refused client, enough to include its close frame
UNSENT_BYTES = 65_536  # above which pings aren't answered: their pongs would only wait

TEXT = 0x81  # FIN and opcode 1, no extension (RFC 6455, section 5.2)
MASKED = 0x80
VALID_CLOSES = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013}  # by IANA's registry
EXTENDED = 126  # the length is in the next two bytes


class StreamProtocol(WebSocketProtocol):  # type: ignore[misc]
    """daphne's WebSocket protocol with a fast path for short messages and a bounded time to close."""

    refused = False  # closed by us for cause: nothing more of it is handled
    _refused_bytes = 0
    _frames: Bucket

    def onConnect(self, request: Any) -> Any:  # noqa: N802 (autobahn's name)
        if not request.headers.get("sec-websocket-protocol", "").isascii():
            raise ConnectionDeny(400, "expected Sec-WebSocket-Protocol in ASCII")  # type: ignore[no-untyped-call]
        request.headers.pop("daphne-root-path", None)  # meant to be set by a proxy; ours never do, so it is forged
        self._frames = Bucket(conf().MESSAGES_BURST, conf().MESSAGES_PER_SECOND)
        return super().onConnect(request)

    def connectionMade(self) -> None:  # noqa: N802 (Twisted's name)
        super().connectionMade()
        self._connections = self.factory.server_class.sockets
        self._connection = self._connections.of(self.transport)

    def connectionLost(self, reason: Any = None) -> None:  # noqa: N802 (Twisted's name)
        super().connectionLost(reason)
        if self._connection is not None:
            self._connections.ended(self._connection)

    def onOpen(self) -> None:  # noqa: N802
        super().onOpen()
        compat.forget_handshake(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803
        try:
            super().onMessage(payload, isBinary)
        except UnicodeDecodeError:
            self.close_soon(self.CLOSE_STATUS_CODE_INVALID_PAYLOAD)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 (Twisted's name)
        if self.refused:
            data = self._within_refusal(data)
        elif compat.between_frames(self):
            payloads, end = whole_texts(data)
            for payload in payloads:
                self.onMessage(payload, False)
            if end == len(data):
                return
            data = data[end:]
        super().dataReceived(data)

    def onFrameBegin(self) -> None:  # noqa: N802 (autobahn's name)
        # Frames that aren't messages cost work, too: pings, pongs, fragments. The session counts messages.
        if not self.refused and not self._frames.take():
            self.refuse(int(Close.TOO_MANY_MESSAGES))
            self._refused_bytes = REFUSED_BYTES + 1
        super().onFrameBegin()

    def onPing(self, payload: bytes) -> None:  # noqa: N802
        if not self.refused and compat.unsent(compat.tcp(self.transport)) < UNSENT_BYTES:
            super().onPing(payload)

    def processData(self) -> bool:  # noqa: N802 (autobahn's name; called until it returns False)
        if self.refused and self._refused_bytes > REFUSED_BYTES:
            compat.discard_input(self)
            return False
        more: bool = super().processData()
        return more

    def _within_refusal(self, data: bytes) -> bytes:
        """How much may still be read from a refused client: enough for its close frame, then nothing."""
        self._refused_bytes += len(data)
        if self._refused_bytes > REFUSED_BYTES and self.transport is not None:
            self.transport.pauseProducing()
            return b""
        return data

    def close_soon(self, code: int, seconds: float = CLOSE_SECONDS) -> None:
        """Send a close frame; abort the connection if the client doesn't answer it in time."""
        if self.state == self.STATE_OPEN:
            compat.mute(self, True)
            compat.send_close_frame(self, code)
            reactor.callLater(seconds, self._abort)

    def refuse(self, code: int) -> None:
        """Close, and ignore whatever else the client sends."""
        self.refused = True
        if self._connection is not None:
            self._connections.enter(self._connection, Phase.REFUSED)
        # A client that is cut while it sends may lose the close frame: one that is signed in gets time to read it.
        self.close_soon(code, REFUSED_CLOSE_SECONDS if code == Close.NOT_SIGNED_IN else CLOSE_SECONDS)

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802 (daphne's name)
        match code:
            case None:
                self.close_soon(1000)
            case Close.NOT_SIGNED_IN | Close.TOO_MANY_MESSAGES | Close.TOO_MANY_BAD_MESSAGES:
                self.refuse(int(code))
            case _:
                self.close_soon(int(code))

    def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> Any:  # noqa: N802, N803
        problem = invalid_close(code, reasonRaw)
        if problem is not None and self.state == self.STATE_OPEN:
            compat.send_close_frame(self, problem)
            self.dropConnection()
            return True
        return super().onCloseFrame(code, reasonRaw)

    def dropConnection(self, abort: bool = False) -> None:  # noqa: N802 (autobahn's name)
        # Not aborted at once, even where autobahn would: the reset could overtake a close frame.
        super().dropConnection(abort=False)
        reactor.callLater(REFUSED_CLOSE_SECONDS, self._abort)

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()  # does nothing if it has ended

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802, N803
        compat.mute(self, False)  # the application must be notified of the end even if it asked for it
        super().onClose(wasClean, code, reason)


@implementer(IPushProducer)
class TransportSink:
    """Writes frames to a WebSocket's transport and reports when that is full, as a Twisted push producer."""

    def __init__(self, protocol: Any) -> None:
        self.ready = True
        self._written = 0
        self.on_ready: Callable[[], None] = lambda: None
        self._protocol = protocol
        transport = protocol.transport
        self._tcp = compat.tcp(transport)
        transport.unregisterProducer()  # the HTTP channel's, which the upgrade has left behind
        transport.registerProducer(self, True)
        self._direct = self._tcp is transport  # not under TLS
        handle = self._socket = compat.socket_of(self._tcp)
        option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
        if option is not None and handle.family in (socket.AF_INET, socket.AF_INET6):
            # Megabytes queued in the kernel for a slow reader would cost memory and delay a close frame.
            handle.setsockopt(socket.IPPROTO_TCP, option, KERNEL_BYTES)

    @property
    def taken(self) -> int:
        # Includes the kernel's queue, which drains in large steps, so ours may stand still while the reader reads.
        return self._written - compat.unsent(self._tcp) - compat.unacknowledged(self._tcp)

    def write(self, frame: Frame) -> None:
        if self._protocol.state != self._protocol.STATE_OPEN:
            return
        wire = frame.wire
        self._written += len(wire)
        sent = self._send(wire)
        if sent < len(wire):
            self._protocol.transport.write(wire[sent:] if sent else wire)

    def _send(self, wire: bytes) -> int:
        """Write to the socket directly; returns how many bytes the kernel accepted. The transport would also register
        with the selector and unregister again: three system calls instead of one."""
        if not self._direct or compat.unsent(self._tcp) or compat.closing(self._tcp):
            return 0
        try:
            return self._socket.send(wire)
        except OSError:  # full or broken; the transport detects which
            return 0

    def close(self, code: int) -> None:
        self.ready = False
        self._protocol.serverClose(code)

    def pauseProducing(self) -> None:  # noqa: N802 (Twisted's name)
        self.ready = False

    def resumeProducing(self) -> None:  # noqa: N802
        if self._protocol.state == self._protocol.STATE_OPEN:
            self.ready = True
            self.on_ready()

    def stopProducing(self) -> None:  # noqa: N802
        self.ready = False


class Inbox:
    """A queue with one reader. While it is full, nothing is read from the client.

    An asyncio.Queue would do, but takes 3 KB, of which every idle connection has one.
    """

    __slots__ = ("_arrival", "_messages", "_paused", "_protocol")

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._messages: list[dict[str, Any]] = []
        self._arrival: asyncio.Future[None] | None = None
        self._paused = False

    def put_nowait(self, message: dict[str, Any]) -> None:
        self._messages.append(message)
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
        if not self._paused and len(self._messages) >= INBOX_MESSAGES and self._protocol.transport is not None:
            self._paused = True
            self._protocol.transport.pauseProducing()

    async def get(self) -> dict[str, Any]:
        """The next message, once there is one."""
        while not self._messages:
            self._arrival = asyncio.get_running_loop().create_future()
            try:
                await self._arrival
            finally:
                self._arrival = None
        message = self._messages.pop(0)
        if self._paused and not self._messages and self._protocol.transport is not None:
            self._paused = False
            self._protocol.transport.resumeProducing()
        return message


def invalid_close(code: int | None, reason: bytes | None) -> int | None:
    """The code to answer an invalid close frame with (RFC 6455, sections 5.5.1 and 7.4)."""
    if code is not None and not (code in VALID_CLOSES or 3000 <= code < 5000):
        return 1002
    try:
        (reason or b"").decode()
    except UnicodeDecodeError:
        return 1007
    return None


def whole_texts(data: bytes) -> tuple[list[bytes], int]:
    """The payloads of the masked text frames at the beginning of `data`, and where they end.

    Anything incomplete, not text, longer than 64 KiB or invalid ends them and is left to autobahn's parser.
    """
    payloads: list[bytes] = []
    end = 0
    while (found := _text(data, end)) is not None:
        payload, end = found
        payloads.append(payload)
    return payloads, end


def _text(data: bytes, start: int) -> tuple[bytes, int] | None:
    at = start + 2
    if len(data) < at or data[start] != TEXT or data[start + 1] < MASKED:
        return None
    length = data[start + 1] - MASKED
    if length == EXTENDED:
        at += 2
        length = int.from_bytes(data[start + 2 : at], "big")
        if length < EXTENDED:
            return None
    elif length > EXTENDED:
        return None
    end = at + 4 + length
    if len(data) < end:
        return None
    payload = _unmask(data[at + 4 : end], data[at : at + 4])
    try:
        payload.decode()
    except UnicodeDecodeError:
        return None
    return payload, end


def _unmask(payload: bytes, mask: bytes) -> bytes:
    """Section 5.3: XOR each byte with the mask's bytes in turn, here all at once as one long integer."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(length, "little")
