"""A scripted WebSocket server, for errors and close codes that a real server rarely produces."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Data, Subprotocol

AGENT = "6f9c1de2-0000-4000-8000-000000000001"
TIME = "2026-01-31T12:00:00.000Z"

Result = TypeVar("Result")
Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def scripted(handler: Handler) -> AsyncIterator[str]:
    """The base URL of a server that passes each connection to `handler`."""
    async with serve(handler, "127.0.0.1", 0, subprotocols=[Subprotocol("agentstream.v1")]) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"


def answer(type_: str, id_: Any = None, **payload: Any) -> str:
    message = {"type": type_, "payload": payload, "timestamp": TIME}
    return json.dumps(message if id_ is None else {**message, "id": id_})


def output(seq: int, content: str = "x") -> str:
    payload = {"agentId": AGENT, "content": content, "role": "assistant"}
    return json.dumps({"type": "agent:output", "payload": payload, "timestamp": TIME, "seq": seq})


def subscribed(seq: int, oldest: int = 1, complete: bool = True) -> str:
    state = {"name": "A", "status": "idle"}
    return answer(
        "subscribed", f"agent.{AGENT}", type="agent", id=AGENT, seq=seq, oldest=oldest, complete=complete, state=state
    )


@dataclass
class Store:
    """The server's side of publishing: each number of the producer once, gaps refused."""

    events: list[dict[str, Any]] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)

    @property
    def content(self) -> str:
        return "".join(event["payload"]["content"] for event in self.events)

    def take(self, frame: Data) -> str:
        request = json.loads(frame)
        events = request["payload"]["events"]
        self.frames.append(len(events))
        for event in events:
            if event["n"] == len(self.events) + 1:
                self.events.append(event)
            elif event["n"] > len(self.events):
                return answer("error", request["id"], code="INVALID_MESSAGE", message="a jump in n")
        return answer("published", request["id"], agentId=AGENT, n=len(self.events), seq=len(self.events))

    async def serve(self, websocket: ServerConnection) -> None:
        async for frame in websocket:
            await websocket.send(self.take(frame))


def within(seconds: float, coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end, or fail after so many seconds."""
    return asyncio.run(asyncio.wait_for(coroutine, seconds))
