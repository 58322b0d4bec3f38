"""A viewer that reconnects after any close and resumes where it stopped."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from tests.chaos.track import Track


@dataclass(frozen=True, slots=True)
class Ended:
    """A connection ended: when (on the loop's clock) and with which code."""

    time: float
    code: int


class Watcher:
    """Follows agents from the beginning of their streams; `tracks` tells what came of each.

    `returns` holds, for each time it came back, the seconds from connecting to having caught up with all streams.
    """

    def __init__(self, name: str, ws_url: str, token: str, agents: Sequence[str], backoff: float = 0.2) -> None:
        self.tracks = {agent: Track(name, agent) for agent in agents}
        self.ends: list[Ended] = []
        self.returns: list[float] = []
        self.connections = 0
        self._url = ws_url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._backoff = backoff
        self._socket: ClientConnection | None = None
        self._catching_up_since: float | None = None

    @property
    def caught_up(self) -> bool:
        return all(track.caught_up for track in self.tracks.values())

    @property
    def faults(self) -> list[str]:
        return [fault for track in self.tracks.values() for fault in track.faults]

    def cut(self) -> None:
        """Lose the connection, like a phone that changes networks."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._connection(loop.time())
            except (OSError, WebSocketException, TimeoutError) as error:
                code = error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd else 1006
                if self._socket is not None:
                    self.ends.append(Ended(loop.time(), code))
            self._socket = None
            await asyncio.sleep(self._backoff * random.uniform(0.5, 1.5))

    async def _connection(self, started: float) -> None:
        async with connect(
            self._url,
            additional_headers=self._headers,
            subprotocols=[Subprotocol("agentstream.v1")],
            compression=None,
            max_size=None,
            ping_interval=None,
            open_timeout=60,
        ) as socket:
            self._socket = socket
            self.connections += 1
            self._catching_up_since = started if self.connections > 1 else None
            for track in self.tracks.values():
                track.subscribed = False
                await socket.send(self._subscribe(track))
            async for frame in socket:
                assert isinstance(frame, str)
                for line in frame.split("\n"):
                    self._take(json.loads(line))
                self._note_return()
            self.ends.append(Ended(asyncio.get_running_loop().time(), socket.close_code or 1006))

    @staticmethod
    def _subscribe(track: Track) -> str:
        payload: dict[str, Any] = {"agentId": track.agent, "since": track.seq}
        if track.at is not None:
            payload["at"] = track.at
        return json.dumps({"type": "subscribe:agent", "payload": payload, "id": track.agent})

    def _take(self, message: dict[str, Any]) -> None:
        payload = message["payload"]
        match message["type"]:
            case "subscribed":
                self.tracks[payload["id"]].answered(payload)
            case "agent:output":
                self.tracks[payload["agentId"]].take(message)
            case "error" if payload["code"] == "UNAVAILABLE":
                asyncio.get_running_loop().call_later(self._backoff, self._again, self.tracks[message["id"]])
            case "pong":
                pass
            case _:
                raise AssertionError(f"unexpected: {message}")

    def _again(self, track: Track) -> None:
        if self._socket is not None and not track.subscribed:
            self._task = asyncio.ensure_future(self._socket.send(self._subscribe(track)))

    def _note_return(self) -> None:
        if self._catching_up_since is not None and self.caught_up:
            self.returns.append(asyncio.get_running_loop().time() - self._catching_up_since)
            self._catching_up_since = None


@asynccontextmanager
async def watching(watchers: Sequence[Watcher], seconds: float = 60) -> AsyncIterator[None]:
    """Run the watchers; from the moment all of them have subscribed."""
    tasks = [asyncio.create_task(watcher.run()) for watcher in watchers]
    try:
        async with asyncio.timeout(seconds):
            while not all(watcher.caught_up for watcher in watchers):
                _raise_first(tasks)
                await asyncio.sleep(0.02)
        yield
        _raise_first(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _raise_first(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()
