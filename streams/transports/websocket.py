"""The Channels consumer: one WebSocket, from accepting it to cleaning up after it."""

from channels.consumer import AsyncConsumer

from streams.asgi import Receive, Scope, Send
from streams.hub.connection import Sink
from streams.protocol.kinds import Viewer
from streams.protocol.limits import Turn
from streams.protocol.messages import SUBPROTOCOL, Close, ProtocolError
from streams.transports.asgi_sink import AsgiSink
from streams.transports.session import ClientSession

SINK = "agentstream.sink"  # the key in scope["extensions"] under which our server offers its own sink


class StreamConsumer(AsyncConsumer):
    """Handles a client's messages one after the other, in order.

    Replaces AsyncConsumer's loop: that would give every socket a channel of its own on the channel layer and a task
    and a thread hop for every message. Here the hub listens for all.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        await receive()  # websocket.connect
        merge = SUBPROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if merge else None})
        viewer: Viewer | None = scope.get("viewer")
        if viewer is None:
            await send({"type": "websocket.close", "code": int(Close.NOT_SIGNED_IN)})
            return
        sink: Sink = scope.get("extensions", {}).get(SINK) or AsgiSink(send)
        try:
            session = ClientSession(viewer, sink, merge)
        except ProtocolError:  # the user has too many connections
            await send({"type": "websocket.close", "code": int(Close.TOO_MANY_MESSAGES)})
            return
        turn = Turn()
        try:
            while (message := await receive())["type"] == "websocket.receive":
                await session.handle(message.get("text"), message.get("bytes"))
                await turn.passed_on()
        finally:
            session.end()
