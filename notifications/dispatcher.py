"""Sends what is due, in threads of its own: a receiver that hangs holds up nothing but its own deliveries."""

import json
import logging
import random
import threading
from collections import Counter

from django.db import connection, transaction
from django.utils import timezone

from agents.changes import agent_stream
from notifications import queue
from notifications.exchange import Answer, exchange
from notifications.messages import Message, message_for, notice_of
from notifications.models import Delivery, DeliveryState, Preset, Webhook
from notifications.occasions import Occasion
from notifications.queue import Ending
from notifications.sealing import UnreadableError, unseal
from streams import log, metrics

logger = logging.getLogger(__name__)

DISPATCH_SECONDS = 0.5  # between two looks at the queue
AT_ONCE = 16  # deliveries that one process sends
PER_WEBHOOK = 4  # of them, so that a receiver that hangs doesn't hold up the others
SHOWN = 2_000  # characters of a request or answer that are kept to be shown
GONE = 410
UNREADABLE = Answer(None, "The address can't be read because SECRET_KEY has changed: enter it again.")


class Dispatcher:
    """The deliveries that this process is sending. `run` never waits for them."""

    def __init__(self) -> None:
        self._busy: Counter[object] = Counter()
        self._lock = threading.Lock()

    def run(self) -> None:
        with self._lock:
            busy = Counter(self._busy)
        for delivery in queue.claim(AT_ONCE - busy.total(), busy, PER_WEBHOOK):
            with self._lock:
                self._busy[delivery.webhook_id] += 1
            # A daemon: a server that stops doesn't wait for receivers. What was not recorded is sent again.
            threading.Thread(target=self._send_all, args=[delivery], name="webhook", daemon=True).start()

    def _send_all(self, first: Delivery) -> None:
        """Send a delivery, and then what follows it for the same webhook and agent."""
        delivery: Delivery | None = first
        try:
            while delivery is not None:
                delivery = queue.next_in_line(delivery) if _send(delivery) else None
        except Exception:
            logger.exception("a delivery to a webhook failed and will be retried")
        finally:
            connection.close()
            with self._lock:
                self._busy[first.webhook_id] -= 1
                self._busy += Counter()  # without those at zero


def _send(delivery: Delivery) -> bool:
    """Send a delivery and record what became of it. Returns whether the next one may be sent."""
    webhook = Webhook.objects.get(pk=delivery.webhook_id)
    event = log.read(agent_stream(delivery.agent_id), delivery.seq - 1, 1)
    if not event or event[0][0] != delivery.seq:
        queue.give_up(queue.pending().filter(pk=delivery.pk), Ending.TRIMMED)
        return True
    try:
        message = _message(webhook, delivery, event[0][1])
        answer = exchange(unseal(webhook.url), message)
    except UnreadableError:  # perhaps only by this process
        message, answer = Message("", {}), UNREADABLE
    _record(webhook, delivery, message, answer)
    return answer.accepted


def _message(webhook: Webhook, delivery: Delivery, event: str) -> Message:
    notice = notice_of(Occasion(delivery.occasion), delivery.agent, json.loads(event))
    return message_for(notice, Preset(webhook.preset), signing_secrets(webhook), timezone.now())


def signing_secrets(webhook: Webhook) -> list[str]:
    """The webhook's secret and, for a day after it was replaced, the one before. Raises UnreadableError."""
    old = webhook.old_secret if webhook.old_secret_until and webhook.old_secret_until > timezone.now() else ""
    return [unseal(secret) for secret in (webhook.secret, old) if secret]


@transaction.atomic
def _record(webhook: Webhook, delivery: Delivery, message: Message, answer: Answer) -> None:
    now = timezone.now()
    shown = {"request": message.body[:SHOWN], "status": answer.status, "answer": answer.text[:SHOWN]}
    mine = queue.pending().filter(pk=delivery.pk)
    if answer.accepted:
        mine.update(**shown, state=DeliveryState.DELIVERED, ended_at=now)
        metrics.WEBHOOK_DELIVERIES.labels(outcome="delivered").inc()
        return
    metrics.WEBHOOK_DELIVERIES.labels(outcome="failed").inc()
    mine.update(**shown, due_at=queue.retry_at(delivery, now, random.random(), answer.retry_after))  # noqa: S311
    if answer.status == GONE:
        stop(webhook, "The receiver answered 410 Gone.")


def stop(webhook: Webhook, why: str) -> None:
    """Deliver nothing more until somebody starts the webhook again."""
    logger.warning("the webhook %s is stopped: %s", webhook.pk, why)
    Webhook.objects.filter(pk=webhook.pk, stopped="").update(stopped=why)
    queue.give_up(queue.pending().filter(webhook=webhook), Ending.STOPPED)
