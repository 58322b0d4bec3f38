"""A cheap keep-alive HTTP/1.1 connection for the generator: one request at a time, bodies of known length."""

import asyncio
import re
from typing import Self

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
BLANK = b"\r\n\r\n"


class HttpConnection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, path: str, token: str, body: bytes) -> int:
        """POST JSON and return the status of the response."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(BLANK)
        length = LENGTH.search(answer)
        await self._reader.readexactly(int(length[1]) if length else 0)
        return int(answer[9:12])

    def close(self) -> None:
        self._writer.close()
