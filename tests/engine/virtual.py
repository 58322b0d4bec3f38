"""An event loop whose clock moves only when nothing else is left to do: seconds pass in no time, and always alike."""

import asyncio
from typing import Any


class VirtualLoop(asyncio.SelectorEventLoop):
    _now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        inner: Any = self  # asyncio's own fields, which its types do not tell of
        if not inner._ready and inner._scheduled:
            self._now = max(self._now, inner._scheduled[0].when())
        inner_run: Any = super()
        inner_run._run_once()

    def pass_time(self, seconds: float) -> None:
        """Run everything that is due within `seconds`."""
        self.run_until_complete(asyncio.sleep(seconds))
