"""A stable address in front of several servers, whose connections can be cut."""

import asyncio
import random
from collections.abc import Sequence
from types import TracebackType
from typing import Self


class Half(asyncio.Protocol):
    """One side of a connection: passes on what it receives, no faster than the other side takes it."""

    def __init__(self) -> None:
        self.peer: Half | None = None
        self.transport: asyncio.Transport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def join(self, peer: "Half") -> None:
        self.peer = peer
        for data in self._early:
            self.data_received(data)
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        if self.peer is None or self.peer.transport is None:
            self._early.append(data)
        else:
            self.peer.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.peer and self.peer.transport:
            if exc:
                self.peer.transport.abort()
            else:
                self.peer.transport.close()

    def pause_writing(self) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer and self.peer.transport and not self.peer.transport.is_closing():
            self.peer.transport.resume_reading()

    def cut(self) -> None:
        if self.transport:
            self.transport.abort()


class Proxy:
    """Passes connections on to whichever of `ports` is next and answers."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = list(ports)
        self._next = 0
        self._halves: set[Half] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.get_running_loop().create_server(self._accept, "127.0.0.1", 0, backlog=4096)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    @property
    def ws_url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/ws/"

    def cut(self, share: float = 1.0) -> int:
        """Silently cut this share of the connections, chosen at random. Returns how many."""
        alive = [half for half in self._halves if half.transport and not half.transport.is_closing()]
        chosen = random.sample(alive, round(len(alive) * share))
        for half in chosen:
            half.cut()
        self._halves.difference_update(chosen)
        return len(chosen)

    def silence(self) -> None:
        """Make existing connections dead without notifying either side; new ones work."""
        for half in self._halves:
            for side in (half, half.peer):
                if side and side.transport and not side.transport.is_closing():
                    side.transport.pause_reading()
        self._halves.clear()

    def _accept(self) -> Half:
        half = Half()
        self._halves.add(half)
        task = asyncio.get_running_loop().create_task(self._connect(half))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return half

    async def _connect(self, half: Half) -> None:
        for _ in self._ports:
            port = self._ports[self._next % len(self._ports)]
            self._next += 1
            try:
                _, other = await asyncio.get_running_loop().create_connection(Half, "127.0.0.1", port)
            except OSError:
                continue  # that server is down: the next one
            other.join(half)
            half.join(other)
            return
        half.cut()
