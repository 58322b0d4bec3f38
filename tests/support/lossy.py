"""A channel layer that loses messages on purpose, for servers under test."""

import os
from typing import Any

from streams.layers.local import LocalLayer


class LossyLayer(LocalLayer):
    """Loses every `LOSE`-th group message (1: all of them) and sends the others twice."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._every = int(os.environ["LOSE"])
        self._count = 0

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self._count += 1
        if self._count % self._every:
            await super().group_send(group, message)
            await super().group_send(group, message)
