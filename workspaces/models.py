"""Workspaces, members and their roles, invitations."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from streams.protocol.text import NAME_LENGTH


class Role(models.TextChoices):
    """What a member may do; each includes those before it. docs/reference/access.md has the table."""

    VIEWER = "viewer", "viewer: watches"
    OPERATOR = "operator", "operator: also runs agents and publishes for them"
    OWNER = "owner", "owner: also manages the workspace and its members"


class Workspace(models.Model):
    """A group of agents and the people who may see them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=NAME_LENGTH)
    slug = models.SlugField(max_length=NAME_LENGTH, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = [Lower("name")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's role in a workspace."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="one_role_per_member")]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace}"


class DailyVolume(models.Model):
    """What a workspace's producers have published on one day (UTC). There is no foreign key, because writers lock
    streams before this row, while deleting a workspace locks its row before its streams."""

    workspace_id = models.UUIDField()
    day = models.DateField()
    events = models.PositiveBigIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0, help_text="of the events' payloads as JSON")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace_id", "day"], name="one_volume_per_day")]

    def __str__(self) -> str:
        return f"{self.workspace_id} on {self.day}"


class Invitation(models.Model):
    """A link that makes one person a member. Only the hash of its secret is stored.

    An invitation for a `username` (or email address) has no link: its user finds it on their overview.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=16, choices=Role.choices)
    hash = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=16, editable=False)
    username = models.CharField(max_length=150, blank=True, db_index=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"invitation to {self.workspace} ({self.hint}…)"
