"""Publishing rates of each agent and each credential, counted in this process."""

import uuid
from collections.abc import Hashable

from django.conf import settings

from streams import metrics
from streams.protocol.limits import Bucket, Buckets
from streams.protocol.messages import Code, ProtocolError
from streams.runtime import Runtime


class PublishBuckets(Buckets):
    """Publishing rates, by agent or credential and unit."""


def limit_rate(agent_id: uuid.UUID, credential: Hashable, events: int, size: int) -> None:
    """Count a publication of `size` bytes.

    A publication larger than what is left is accepted, because it could never be sent otherwise; the next one waits.
    Raises ProtocolError (RATE_LIMITED), counting nothing, if the agent or the credential has published too fast.
    """
    if not events:
        return  # only renews a lease
    buckets = Runtime.current().part(PublishBuckets)
    spent: list[tuple[Bucket, int]] = []
    limits: tuple[tuple[str, float, int], ...] = (
        ("events", settings.PUBLISH_EVENTS_PER_SECOND, events),
        ("bytes", settings.PUBLISH_BYTES_PER_SECOND, size),
    )
    for unit, rate, amount in limits:
        if not rate:
            continue
        for who, key in (("an agent", agent_id), ("a credential", credential)):
            bucket = buckets.get((unit, who, key), rate)
            if wait := bucket.wait:
                metrics.LIMITED.labels(limit=f"publish_{unit}").inc()
                raise ProtocolError(
                    Code.RATE_LIMITED, f"expected at most {rate:g} {unit} per second for {who}", retry_after=wait
                )
            spent.append((bucket, amount))
    for bucket, amount in spent:
        bucket.spend(amount)
