"""A channel layer that loses what it is told to lose, for servers under test."""

import os
from typing import Any

from streams.layers.local import LocalLayer


class LossyLayer(LocalLayer):
    """Loses every `LOSE`-th group message (all with 1), and doubles the others."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._every = int(os.environ["LOSE"])
        self._count = 0

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self._count += 1
        if self._count % self._every:
            await super().group_send(group, message)
            await super().group_send(group, message)
