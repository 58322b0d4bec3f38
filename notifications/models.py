"""Webhooks, and what is or was delivered to them."""

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from agents.models import Agent
from streams.protocol.text import NAME_LENGTH
from workspaces.models import Workspace

CONTEXT_LEVEL = 80


class Preset(models.TextChoices):
    """What a receiver understands."""

    CLOUDEVENTS = "cloudevents", "CloudEvents (your own program)"
    SLACK = "slack", "Slack"
    DISCORD = "discord", "Discord"
    TEAMS = "teams", "Microsoft Teams"
    MATTERMOST = "mattermost", "Mattermost"
    NTFY = "ntfy", "ntfy"


class Webhook(models.Model):
    """An address that is told what happens to a workspace's agents.

    `url` and the secrets are encrypted, because addresses of chat systems are secrets, too.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="webhooks")
    name = models.CharField(max_length=NAME_LENGTH)
    url = models.TextField(help_text="encrypted")
    preset = models.CharField(max_length=16, choices=Preset.choices, default=Preset.CLOUDEVENTS)
    occasions = models.JSONField(default=list, help_text="what it is told")
    agents = models.CharField(max_length=100, blank=True, help_text="a pattern of agents' names; empty: all")
    context_level = models.PositiveSmallIntegerField(
        default=CONTEXT_LEVEL, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    secret = models.TextField(help_text="encrypted")
    old_secret = models.TextField(blank=True, help_text="encrypted; signs too, until `old_secret_until`")
    old_secret_until = models.DateTimeField(null=True)
    stopped = models.CharField(max_length=200, blank=True, help_text="why nothing is delivered; empty: it is active")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "created_at"]

    def __str__(self) -> str:
        return self.name


class DeliveryState(models.TextChoices):
    PENDING = "pending", "pending"
    DELIVERED = "delivered", "delivered"
    DEAD = "dead", "given up"


class Delivery(models.Model):
    """One event for one webhook. It names the event, which is read from the log when it is sent. Those of one webhook
    and agent are sent in order."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="+")
    seq = models.BigIntegerField(help_text="of the event on the agent's stream")
    occasion = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    created_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(help_text="when it is tried next; later while a process tries it")
    ended_at = models.DateTimeField(null=True)
    request = models.TextField(blank=True, help_text="the body last sent, truncated")
    status = models.PositiveSmallIntegerField(null=True, help_text="of the last answer")
    answer = models.TextField(blank=True, help_text="the last answer's body or the error, truncated")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["webhook", "agent", "seq"], name="one_delivery_per_event"),
        ]
        indexes = [
            models.Index(
                fields=["webhook", "agent", "seq"], condition=models.Q(state="pending"), name="pending_deliveries"
            ),
            models.Index(fields=["webhook", "-id"], name="latest_deliveries"),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id}/{self.seq} {self.state}"


class HighContext(models.Model):
    """An agent whose context level has reached a webhook's limit, which the webhook has been told."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="+", db_index=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["webhook", "agent"], name="one_high_context")]

    def __str__(self) -> str:
        return f"{self.agent_id}"
