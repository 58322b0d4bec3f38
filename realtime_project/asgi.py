"""The ASGI application: HTTP to Django, WebSockets to the stream consumer."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime_project.settings")
http = get_asgi_application()  # loads the apps, which the imports below need

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

from realtime_project.deny import deny  # noqa: E402
from streams.consumer import StreamConsumer  # noqa: E402
from workspaces.handshake import Handshake  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": URLRouter([re_path(r"^ws/?$", Handshake(StreamConsumer.as_asgi())), re_path(r"", deny)]),
    }
)
