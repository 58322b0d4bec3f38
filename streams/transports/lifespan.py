"""ASGI's lifespan protocol, for servers such as uvicorn and hypercorn."""

import logging

from asgiref.sync import sync_to_async

from streams.asgi import Receive, Scope, Send
from streams.database import require_migrated
from streams.protocol.messages import ProtocolError
from streams.runtime import Runtime

logger = logging.getLogger(__name__)


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Start this event loop's runtime, and close it at the end. Startup fails if migrations are pending."""
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
