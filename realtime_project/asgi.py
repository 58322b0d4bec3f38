"""The ASGI application: HTTP to Django, WebSockets to the stream consumer."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime_project.settings")
django: Any = get_asgi_application()  # loads the apps, which the imports below need

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

from accounts.handshake import Handshake  # noqa: E402
from realtime_project.api_handler import HttpRouter  # noqa: E402
from realtime_project.static import StaticFiles  # noqa: E402
from streams.asgi import Receive, Scope, Send  # noqa: E402
from streams.transports.lifespan import lifespan  # noqa: E402
from streams.transports.websocket import StreamConsumer  # noqa: E402


async def deny(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a WebSocket at an unknown path with HTTP 403; daphne would log a traceback and respond with 500."""
    await receive()
    await send({"type": "websocket.close"})


consumer: Any = StreamConsumer.as_asgi()
streams: Any = Handshake(consumer)
nowhere: Any = deny
routes: list[Any] = [re_path(r"^ws/?$", streams), re_path(r"", nowhere)]
applications: dict[str, Any] = {
    "http": StaticFiles(HttpRouter(django)),
    "websocket": URLRouter(routes),
    "lifespan": lifespan,
}

application = ProtocolTypeRouter(applications)
