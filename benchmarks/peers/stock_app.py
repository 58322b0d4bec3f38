"""Channels as in its tutorial: each consumer joins its agents' groups and sends what it receives from the layer."""

import json
import os
from typing import Any

from django.conf import settings

REDIS_URL = os.environ.get("REDIS_URL", "")

settings.configure(
    SECRET_KEY="benchmark",
    ALLOWED_HOSTS=["*"],
    CHANNEL_LAYERS={
        "default": (
            {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
            if REDIS_URL
            else {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 10_000}}
        )
    },
)

import django  # noqa: E402

django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402


class Viewer(AsyncWebsocketConsumer):
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        payload = json.loads(text_data or "{}")["payload"]
        await self.channel_layer.group_add(f"agent.{payload['agentId']}", self.channel_name)
        await self.send(json.dumps({"type": "subscribed", "payload": payload}))

    async def agent_output(self, event: dict[str, Any]) -> None:
        await self.send(event["text"])


class Producer(AsyncWebsocketConsumer):
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        for line in (text_data or "").split("\n"):
            message = json.loads(line)
            text = json.dumps({**message, "timestamp": "2026-01-01T00:00:00.000Z"}, separators=(",", ":"))
            await self.channel_layer.group_send(
                f"agent.{message['payload']['agentId']}", {"type": "agent.output", "text": text}
            )


viewers: Any = Viewer.as_asgi()
producers: Any = Producer.as_asgi()
routes: list[Any] = [re_path(r"^ws$", viewers), re_path(r"^publish$", producers)]
application = ProtocolTypeRouter({"websocket": URLRouter(routes)})
