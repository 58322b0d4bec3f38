"""What a run tells the server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agentstream.errors import Refused
from agentstream.messages import Message, Output
from agentstream.outbox import Outbox
from agentstream.publisher import Publisher
from agentstream.waiting import within

log = logging.getLogger("agentstream")


@dataclass
class Report:
    """Sends what happens. A server that refuses it must not cost the person their running command."""

    publisher: Publisher
    refused: bool = False

    async def send(self, message: Message) -> None:
        try:
            if not self.refused:
                await self.publisher.send(message)
        except Refused as refused:
            self.stop(refused)

    async def note(self, text: str) -> None:
        """Tell the viewers something about the run itself."""
        log.warning("%s", text)
        await self.send(Output(text, "system", kind="text"))

    def stop(self, refused: Refused) -> None:
        """Say once why, and send no more."""
        if not self.refused:
            log.error("publishing has ended: %s", refused)
        self.refused = True


@asynccontextmanager
async def reporting(publisher: Publisher, outbox: Outbox, patience: float) -> AsyncIterator[Report]:
    """A report whose end waits until the server has everything, but no longer than `patience` seconds. What it has not
    taken stays in the spool."""
    report = Report(publisher)
    try:
        async with publisher:
            yield report
            await within(patience, publisher.flush())
    except asyncio.TimeoutError:
        log.warning("%d events are not acknowledged; the agent's next run sends them", publisher.pending)
    except Refused as refused:
        report.stop(refused)
    except asyncio.CancelledError:
        log.warning("stopped with %d events not acknowledged; the agent's next run sends them", publisher.pending)
        raise
    finally:
        outbox.close(keep=not report.refused)
