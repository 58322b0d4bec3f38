"""Periodic jobs of a server: trimming the log, and those of the installed apps."""

import asyncio
import logging
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from streams.conf import conf
from streams.database import in_thread
from streams.log.retention import Retention
from streams.plugin import Job, StreamApp, installed
from streams.protocol.messages import ProtocolError

logger = logging.getLogger(__name__)


def installed_jobs() -> list[Job]:
    return [
        Job(Retention().run, conf().TRIM_EVERY),
        *(job for app in installed(StreamApp) for job in app.maintenance()),
    ]


async def maintain(jobs: Sequence[Job]) -> None:
    """Run all jobs forever, each in its own thread, so that none waits for another."""
    if not jobs:
        return
    with ThreadPoolExecutor(len(jobs), thread_name_prefix="maintenance") as executor:
        await asyncio.gather(*(_repeat(job, executor) for job in jobs))


async def _repeat(job: Job, executor: ThreadPoolExecutor) -> None:
    while True:
        # Randomized, so that several processes share the work.
        await asyncio.sleep(job.seconds * random.uniform(0.8, 1.2))  # noqa: S311
        try:
            await in_thread(executor, job.run)
        except ProtocolError:
            pass  # the database is down, which has been logged
        except Exception:
            logger.exception("maintenance failed")
