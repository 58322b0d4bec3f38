"""What a server does now and then: trim the log, and whatever else the apps have registered."""

import asyncio
import logging
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from streams.conf import conf
from streams.database import in_thread
from streams.log.retention import trim
from streams.protocol.messages import ProtocolError

logger = logging.getLogger(__name__)

_chores: list[Callable[[], object]] = [trim]


def register(chore: Callable[[], object]) -> None:
    """Have `chore`, which may use the database, done in every round; an app does so when it is ready."""
    _chores.append(chore)


async def do_chores() -> None:
    """Do all chores for ever, a round each TRIM_EVERY seconds or so, in a thread of their own."""
    with ThreadPoolExecutor(1, thread_name_prefix="chores") as executor:
        while True:
            # Not all processes at once: they share the work by finding it done.
            await asyncio.sleep(conf().TRIM_EVERY * random.uniform(0.8, 1.2))  # noqa: S311
            for chore in _chores:
                await _do(chore, executor)


async def _do(chore: Callable[[], object], executor: ThreadPoolExecutor) -> None:
    try:
        await in_thread(executor, chore)
    except ProtocolError:
        pass  # the database is away, which has been logged
    except Exception:
        logger.exception("a chore failed")
