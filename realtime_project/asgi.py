"""The ASGI application: HTTP to Django, WebSockets to the stream consumer."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime_project.settings")
django = get_asgi_application()  # loads the apps, which the imports below need

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

from accounts.handshake import Handshake  # noqa: E402
from realtime_project.api_handler import HttpRouter  # noqa: E402
from realtime_project.deny import deny  # noqa: E402
from streams.transports.websocket import StreamConsumer  # noqa: E402

streams: Any = Handshake(StreamConsumer.as_asgi())
nowhere: Any = deny
routes: list[Any] = [re_path(r"^ws/?$", streams), re_path(r"", nowhere)]

application = ProtocolTypeRouter({"http": HttpRouter(django), "websocket": URLRouter(routes)})
