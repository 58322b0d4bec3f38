"""The agents that a workspace watches."""

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower

from agents.labels import ReadableEncoder
from streams.protocol.text import NAME_LENGTH
from workspaces.models import Workspace

REASON_LENGTH = 64
KEY_LENGTH = 200


class Status(models.TextChoices):
    """What an agent is doing. Any status may follow any other."""

    IDLE = "idle", "idle"
    RUNNING = "running", "running"
    WAITING = "waiting", "waiting for a person"
    ERROR = "error", "error"
    FINISHED = "finished", "finished"
    OFFLINE = "offline", "offline: its runner is gone"


class Agent(models.Model):
    """An agent's current state; its history is on its stream."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="agents")
    name = models.CharField(max_length=NAME_LENGTH)
    name_chosen = models.BooleanField(
        default=False, editable=False, help_text="a person chose the name: registering again does not change it"
    )
    key = models.CharField(  # noqa: DJ001 (unique only where there is one)
        max_length=KEY_LENGTH, null=True, editable=False, help_text="the producer's own name for the agent"
    )
    labels = models.JSONField(default=dict, blank=True, editable=False, encoder=ReadableEncoder)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.IDLE)
    reason = models.CharField(max_length=REASON_LENGTH, blank=True, help_text="why it has this status, where known")
    status_seq = models.BigIntegerField(
        default=0, editable=False, help_text="of the event on its stream that set the status; 0: none did"
    )
    context_level = models.PositiveSmallIntegerField(
        null=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="percent of the context window in use",
    )
    tokens_used = models.PositiveBigIntegerField(null=True)
    tokens_limit = models.PositiveBigIntegerField(null=True)
    lease_holder = models.CharField(
        max_length=64, blank=True, editable=False, help_text="the producer that renews the lease"
    )
    lease_until = models.DateTimeField(
        null=True, editable=False, db_index=True, help_text="when its runner counts as lost, unless renewed"
    )
    archived_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="since when it is left out of its workspace's state",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = [Lower("name")]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_agent_per_name"),
            models.UniqueConstraint(fields=["workspace", "key"], name="one_agent_per_key"),
        ]
        indexes = [
            models.Index("id", name="archived_agents", condition=models.Q(archived_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name


class SupersededLease(models.Model):
    """A producer's lease on an agent that another producer took over before it ended. Removed when it is renewed."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="+", db_index=False)
    producer = models.CharField(max_length=64)
    until = models.DateTimeField(db_index=True, help_text="when its runner counts as lost, unless renewed")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agent", "producer"], name="one_superseded_lease_per_producer")]

    def __str__(self) -> str:
        return self.producer


class Request(models.Model):
    """A request to people. `payload` and `resolution` are JSON text as on the agent's stream, without the agent's
    id; `outcome` is empty while the request is open."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="requests", db_index=False)
    request_id = models.CharField(max_length=100, help_text="the producer's own name for it")
    kind = models.CharField(max_length=16)
    title = models.CharField(max_length=500)
    payload = models.TextField()
    producer = models.CharField(max_length=64, blank=True, help_text="who asked; empty if over HTTP")
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    seq = models.BigIntegerField(help_text="of its event on the agent's stream")
    outcome = models.CharField(max_length=24, blank=True)
    resolution = models.TextField(blank=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agent", "request_id"], name="one_request_per_id")]
        indexes = [
            models.Index(fields=["agent"], condition=models.Q(outcome=""), name="open_requests"),
            models.Index(fields=["expires_at"], condition=models.Q(outcome=""), name="requests_that_expire"),
            models.Index(fields=["agent", "seq"], name="requests_in_order"),
        ]

    def __str__(self) -> str:
        return self.title


class Seen(models.Model):
    """How far a user has seen an agent's stream, and which failure they have dismissed."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="+")
    seq = models.BigIntegerField(default=0)
    dismissed = models.BigIntegerField(default=0, help_text="the seq of the status they have dismissed; 0: none")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "agent"], name="one_position_per_person")]

    def __str__(self) -> str:
        return f"{self.user_id} has seen {self.agent_id} up to {self.seq}"


class Session(models.Model):
    """A session of the agent's tool. `payload` is JSON text as in the agent's state; `outcome` is empty while the
    session lasts. The agent's current session is the one that changed last."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="sessions", db_index=False)
    name = models.CharField(max_length=200, help_text="the tool's own name for it")
    payload = models.TextField()
    first_seq = models.BigIntegerField(help_text="of its first event on the agent's stream")
    changed_seq = models.BigIntegerField(help_text="of the newest event that changed it")
    last_seq = models.BigIntegerField(null=True, help_text="of its last event; none while it is open")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=24, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agent", "name"], name="one_session_per_name")]
        indexes = [
            models.Index(fields=["agent", "changed_seq"], name="sessions_as_they_changed"),
            models.Index(fields=["agent", "first_seq"], name="sessions_in_order"),
        ]

    def __str__(self) -> str:
        return self.name


class Progress(models.Model):
    """An agent's latest plan and usage: JSON text as in the agent's state. Not in the agent's row, because lists of
    agents omit it."""

    agent = models.OneToOneField(Agent, on_delete=models.CASCADE, primary_key=True, related_name="progress")
    plan = models.TextField(blank=True)
    usage = models.TextField(blank=True)

    def __str__(self) -> str:
        return str(self.agent_id)


class UsageShare(models.Model):
    """The part of a session's totals that was reported on one day (UTC) for one model. A session's shares add up to its
    totals; null: never reported. Shares without a session hold the merged oldest shares of an agent."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="usage_shares", db_index=False)
    session = models.CharField(max_length=200, blank=True)
    day = models.DateField()
    model = models.CharField(max_length=200, blank=True)
    input_tokens = models.BigIntegerField(null=True)
    cached_input_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    reasoning_tokens = models.BigIntegerField(null=True)
    cost_nanos = models.BigIntegerField(null=True, help_text="billionths of a US dollar")
    estimated = models.BooleanField(default=False, help_text="some of it was not reported by the tool itself")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "session", "day", "model"], name="one_share_per_day_and_model")
        ]
        indexes = [models.Index(fields=["agent", "day"], name="shares_in_order")]

    def __str__(self) -> str:
        return f"{self.session} {self.day} {self.model}"


class Attachment(models.Model):
    """A file referenced by outputs; its content is in the storage for attachments, at `place`. It belongs to its agent
    as long as the event that references it is retained; without an agent it is about to be removed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.SET_NULL, null=True, related_name="attachments")
    name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    seq = models.BigIntegerField(null=True, help_text="of the newest event that references it")

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> str:
        return f"{self.pk.hex[:2]}/{self.pk.hex}"
