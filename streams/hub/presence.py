"""Who follows a stream at this moment, on all processes: asked for when somebody wants to know, stored nowhere."""

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING, Any

from channels.layers import InMemoryChannelLayer

from streams.broker import HUBS_GROUP
from streams.conf import channel_layer

if TYPE_CHECKING:
    from streams.hub.hub import Hub

logger = logging.getLogger(__name__)

PATIENCE = 0.3  # seconds for the other processes to answer


class Presence:
    """The part of a hub that asks the others, and answers them. Names are by user id: who has two tabs is one."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._asked: dict[str, dict[int, str]] = {}

    async def viewers(self, stream: str, channel: str | None) -> dict[int, str]:
        """Everybody who follows `stream`. `channel` is where this process listens; without one it is asked alone."""
        layer = channel_layer()
        if channel is None or isinstance(layer, InMemoryChannelLayer):
            return self._here(stream)
        question = uuid.uuid4().hex
        found = self._asked[question] = self._here(stream)
        try:
            async with asyncio.timeout(PATIENCE):
                await layer.group_send(
                    HUBS_GROUP, {"type": "viewers.asked", "stream": stream, "question": question, "reply": channel}
                )
                await asyncio.sleep(PATIENCE)
        except TimeoutError:
            pass
        except Exception as error:
            logger.debug("cannot ask who else watches %s: %s", stream, error)
        finally:
            del self._asked[question]
        return found

    async def answer(self, message: dict[str, Any]) -> None:
        """Tell another process who is here."""
        viewers = self._here(message["stream"])
        if viewers and message["question"] not in self._asked:
            told = {"type": "viewers.told", "question": message["question"], "viewers": list(viewers.items())}
            try:
                await channel_layer().send(message["reply"], told)
            except Exception as error:
                logger.debug("cannot say who watches %s: %s", message["stream"], error)

    def told(self, message: dict[str, Any]) -> None:
        """Take another process's answer, if it comes in time."""
        self._asked.get(message["question"], {}).update((key, name) for key, name in message["viewers"])

    def _here(self, stream: str) -> dict[int, str]:
        feed = self._hub.feeds.get(stream)
        viewers = [cursor.connection.viewer for cursor in feed.cursors] if feed else []
        return {viewer.id: viewer.name for viewer in viewers}
