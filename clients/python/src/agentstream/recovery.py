"""Brings to the server what earlier runs of an agent, killed before their time, have left behind."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from agentstream.concurrency import within
from agentstream.errors import Refused
from agentstream.outbox import Outbox
from agentstream.publisher import Publisher
from agentstream.spool import Spool, leftovers

log = logging.getLogger("agentstream")

# How long a new run waits for that.
PATIENCE = 30.0


async def recover(url: str, token: str, agent_id: str, folder: Path) -> None:
    """Send what lies in `folder`, under the old producers and numbers, so that nothing is stored twice.

    What the server refuses is put aside; what it does not take in 30 s is left for the next run.
    """
    try:
        await within(PATIENCE, _recover(url, token, agent_id, folder))
    except asyncio.TimeoutError:
        log.warning("what an earlier run has left is not sent yet; the next run tries again")


async def _recover(url: str, token: str, agent_id: str, folder: Path) -> None:
    for spool in leftovers(folder):
        await _resend(url, token, agent_id, spool)


async def _resend(url: str, token: str, agent_id: str, spool: Spool) -> None:
    outbox = Outbox.restored(spool)
    if outbox:
        log.warning("sending %d events that an earlier run has left", len(outbox))
    try:
        async with Publisher(url, token, agent_id, outbox=outbox):
            pass
    except Refused as refused:
        log.error("what an earlier run has left is refused, and kept as %s: %s", spool.path.name, refused)
        spool.refused()
    finally:
        outbox.close(keep=True)
