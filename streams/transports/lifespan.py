"""The start and the end of servers that announce them by ASGI's lifespan protocol, such as uvicorn and hypercorn."""

import logging

from asgiref.sync import sync_to_async

from streams.asgi import Receive, Scope, Send
from streams.database import require_migrated
from streams.protocol.messages import ProtocolError
from streams.runtime import Runtime

logger = logging.getLogger(__name__)


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Start this event loop's runtime, and close it at the end. A database that is not migrated refuses the start."""
    await receive()  # lifespan.startup
    try:
        await sync_to_async(require_migrated)()
    except ProtocolError as error:
        await send({"type": "lifespan.startup.failed", "message": error.message})
        return
    runtime = Runtime.current()
    await send({"type": "lifespan.startup.complete"})
    await receive()  # lifespan.shutdown
    await runtime.close()
    await send({"type": "lifespan.shutdown.complete"})
