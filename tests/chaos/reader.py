"""A WebSocket reader that reads as slowly as it likes, or not at all: a socket with small buffers."""

import asyncio
import base64
import json
import os
import socket
import struct
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.chaos.track import Track

BUFFER = 65_536  # of the kernel and of the stream: little hides in them


@dataclass
class Reader:
    """One subscription over a bare socket, read at `rate` bytes a second.

    What has been read is in `track`; `code` is the close code, once closed.
    """

    track: Track
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    rate: float = float("inf")
    code: int | None = None

    @classmethod
    async def connect(cls, name: str, ws_url: str, token: str, agent: str) -> "Reader":
        url = urlsplit(ws_url)
        bare = socket.socket()
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        bare.setblocking(False)
        await asyncio.get_running_loop().sock_connect(bare, (url.hostname, url.port))
        reader, writer = await asyncio.open_connection(sock=bare, limit=BUFFER)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: agentstream.v1\r\n"
            f"Authorization: Bearer {token}\r\n\r\n".encode()
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer, answer
        message = json.dumps({"type": "subscribe:agent", "payload": {"agentId": agent, "since": 0}}).encode()
        assert len(message) < 126
        writer.write(struct.pack("!BB4x", 0x81, 0x80 | len(message)) + message)  # masked with zeros
        return cls(Track(name, agent), reader, writer)

    async def read_some(self) -> int:
        """Read one frame; its size, or 0 at the end of the connection."""
        try:
            first, second = struct.unpack("!BB", await self.reader.readexactly(2))
            size: int = second & 0x7F
            if size == 126:
                [size] = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                [size] = struct.unpack("!Q", await self.reader.readexactly(8))
            data = await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0
        match first & 0x0F:
            case 8:
                [self.code] = struct.unpack("!H", data[:2])
                return 0
            case 9:
                self.writer.write(struct.pack("!BB4x", 0x8A, 0x80 | size) + data)  # the pong to a ping
            case _:
                for line in data.split(b"\n"):
                    self._take(line)
        return size

    async def read_to(self, seq: int) -> None:
        """Read until event `seq`."""
        loop = asyncio.get_running_loop()
        while self.track.seq < seq:
            start = loop.time()
            size = await self.read_some()
            assert size, f"the connection ended with {self.code} at seq {self.track.seq}"
            await asyncio.sleep(max(0.0, start + size / self.rate - loop.time()))

    async def read_out(self) -> None:
        """Read whatever is left, to the end of the connection."""
        while await self.read_some():
            pass

    async def close(self) -> None:
        self.writer.transport.abort()

    def _take(self, line: bytes) -> None:
        message = json.loads(line)
        if message["type"] == "subscribed":
            self.track.answered(message["payload"])
        elif message["type"] == "agent:output":
            self.track.take(message)
