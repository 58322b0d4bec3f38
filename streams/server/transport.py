"""The socket under a WebSocket: writing finished frames to it, and knowing how far its reader has come."""

import fcntl
import socket
import struct
import termios
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from streams.hub.window import Frame

KERNEL_BYTES = 131_072  # not yet sent that the kernel may hold for one socket


def tcp(transport: Any) -> Any:
    """The transport that holds the socket: under TLS the one below."""
    while not hasattr(transport, "dataBuffer"):
        transport = transport.transport
    return transport


def unsent(transport: Any) -> int:
    """Bytes written to a TCP transport that the kernel has not taken yet."""
    count: int = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
    return count


def unacknowledged(transport: Any) -> int:
    """Bytes that the kernel has taken and the reader has not, where the system tells (Linux does)."""
    try:
        answer = fcntl.ioctl(transport.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    except (OSError, ValueError):
        return 0
    count: int = struct.unpack("i", answer)[0]
    return count


@implementer(IPushProducer)
class TransportSink:
    """Writes frames to a WebSocket's transport and says when that is full, as Twisted's push producers are told."""

    def __init__(self, protocol: Any) -> None:
        self.ready = True
        self._written = 0
        self.on_ready: Callable[[], None] = lambda: None
        self._protocol = protocol
        transport = protocol.transport
        self._tcp = tcp(transport)
        transport.unregisterProducer()  # the HTTP channel's, which the upgrade has left behind
        transport.registerProducer(self, True)
        self._direct = self._tcp is transport  # not under TLS
        self._socket: socket.socket = self._tcp.socket
        handle = self._socket
        option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
        if option is not None and handle.family in (socket.AF_INET, socket.AF_INET6):
            # Megabytes waiting in the kernel for a slow reader would cost memory, and lie between it and a close frame.
            handle.setsockopt(socket.IPPROTO_TCP, option, KERNEL_BYTES)

    @property
    def taken(self) -> int:
        # With the kernel's own queue: it makes room in big steps, so ours may stand still while the reader reads.
        return self._written - unsent(self._tcp) - unacknowledged(self._tcp)

    def write(self, frame: Frame) -> None:
        if self._protocol.state != self._protocol.STATE_OPEN:
            return
        wire = frame.wire
        self._written += len(wire)
        sent = self._send(wire)
        if sent < len(wire):
            self._protocol.transport.write(wire[sent:] if sent else wire)

    def _send(self, wire: bytes) -> int:
        """Give the kernel what it takes at once, past the transport: that would ask the selector to say when there is
        room, and again not to, three system calls where one does. Returns how much that was."""
        tcp = self._tcp
        if not self._direct or tcp.dataBuffer or tcp._tempDataLen or tcp.disconnecting:
            return 0
        try:
            return self._socket.send(wire)
        except OSError:  # full, or broken, which the transport will find out in its own way
            return 0

    def close(self, code: int) -> None:
        self.ready = False
        self._protocol.close_soon(code)

    def pauseProducing(self) -> None:  # noqa: N802 (Twisted's name)
        self.ready = False

    def resumeProducing(self) -> None:  # noqa: N802
        if self._protocol.state == self._protocol.STATE_OPEN:
            self.ready = True
            self.on_ready()

    def stopProducing(self) -> None:  # noqa: N802
        self.ready = False
