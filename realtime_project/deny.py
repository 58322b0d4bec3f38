"""The end of the WebSocket routes."""

from typing import Any


async def deny(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Refuse a WebSocket at an unknown path with HTTP 403, where daphne would log a traceback and answer 500."""
    await receive()
    await send({"type": "websocket.close"})
