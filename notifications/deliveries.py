"""What owners see of a webhook's deliveries, and the test that they may send."""

from urllib.parse import urlsplit

from django.utils import timezone

from notifications.dispatcher import UNREADABLE, signing_secrets
from notifications.exchange import Answer, exchange
from notifications.messages import message_for, trial
from notifications.models import Delivery, Preset, Webhook
from notifications.queue import KEPT
from notifications.sealing import UnreadableError, unseal


def deliveries_of(webhook: Webhook) -> list[Delivery]:
    """The newest deliveries, with their agents, newest first."""
    return list(Delivery.objects.filter(webhook=webhook).select_related("agent").order_by("-pk")[:KEPT])


def address_of(webhook: Webhook) -> str:
    """As much of the address as may be shown: the rest is often a secret."""
    try:
        parts = urlsplit(unseal(webhook.url))
    except UnreadableError:
        return "(can't be read: SECRET_KEY has changed)"
    rest = "/…" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{rest}"


def send_trial(webhook: Webhook) -> Answer:
    """Send a test, at once and once, and return what the receiver answered."""
    now = timezone.now()
    try:
        message = message_for(trial(webhook.workspace, now), Preset(webhook.preset), signing_secrets(webhook), now)
        url = unseal(webhook.url)
    except UnreadableError:
        return UNREADABLE
    return exchange(url, message)
