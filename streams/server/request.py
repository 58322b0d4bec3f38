"""HTTP requests: bounded bodies, no upgrade except that of RFC 6455, and answers with the server's time."""

import re
from functools import cache
from typing import Any

from daphne.http_protocol import WebRequest
from twisted.web.http import datetimeToString

from streams.conf import conf
from streams.plugin import StreamApp, installed
from streams.server import compat
from streams.server.channel import RETRY_SECONDS, forwarded_for


def _body_limit(method: bytes, target: bytes, anonymous: bool) -> int:
    """The size limit for a request's body, in bytes."""
    if anonymous:
        return conf().ANONYMOUS_BYTES
    if method == b"POST" and _uploads().fullmatch(target.partition(b"?")[0]):
        return conf().UPLOAD_BYTES
    return conf().BODY_BYTES


@cache
def _uploads() -> re.Pattern[bytes]:
    """The paths to which files are uploaded."""
    patterns = [pattern for app in installed(StreamApp) for pattern in app.upload_paths()]
    return re.compile("|".join(patterns or ["(?!)"]).encode())


class StreamRequest(WebRequest):  # type: ignore[misc]
    """daphne's HTTP request; refuses a body that is too large, if possible before it is read."""

    _refused = False
    _received = 0
    _limit = 0

    def gotLength(self, length: int | None) -> None:  # noqa: N802 (Twisted's name)
        anonymous = not any(self.requestHeaders.hasHeader(name) for name in (b"Authorization", b"Cookie"))
        self._limit = _body_limit(*compat.request_line(self), anonymous)
        super().gotLength(0 if length is None or self._too_large(length) else length)
        if length is not None and self._too_large(length):
            self._refuse(length)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        self._received += len(data)
        self.channel.connection.count = self._received
        if self._refused:
            return
        if self._too_large(self._received):
            self._refuse(self._received)
            return
        super().handleContentChunk(data)

    def process(self) -> Any:
        if self._refused:
            return None
        self.requestHeaders.removeHeader(
            b"Daphne-Root-Path"
        )  # meant to be set by a proxy; ours never do, so it is forged
        upgrade = next(compat.header_values(self, b"Upgrade"), b"").lower()
        if upgrade == b"websocket" and self.clientproto != b"HTTP/1.1":
            compat.refuse_request(self, 400, b"Bad Request", "expected HTTP/1.1 for a WebSocket")
            return None
        if reason := self._one_too_many():
            compat.refuse_request(self, 429, b"Too Many Requests", reason)
            return None
        return super().process()

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message.get("type") == "http.response.start" and not self.responseHeaders.hasHeader(b"Date"):
            self.setHeader(b"Date", datetimeToString())  # by which clients notice that their clock is wrong
        super().handle_reply(message)

    def _one_too_many(self) -> str | None:
        """Behind a proxy, clients are identified and limited by the address in the proxy's header."""
        header, connections = self.channel.factory.server.proxy_forwarded_address_header, self.channel.connections
        if not header:
            return None
        address = forwarded_for(self, header)
        if connections.refusal_of(address):
            self.setHeader(b"Retry-After", b"%d" % RETRY_SECONDS)
            return "too many connections from your address"
        connections.identify(self.channel.connection, address)
        return None

    def _too_large(self, length: int) -> bool:
        return length > self._limit

    def _refuse(self, length: int) -> None:
        """Answer immediately and close the connection, without reading the rest of the body."""
        self._refused = True
        text = f"expected a body of at most {self._limit} bytes, got {length} or more\n".encode()
        head = (
            b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Type: text/plain\r\n"
            b"Content-Length: %d\r\n\r\n" % len(text)
        )
        transport = compat.channel_transport(self)
        transport.write(head + text)
        transport.loseConnection()
