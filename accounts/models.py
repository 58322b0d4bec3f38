"""The credentials of users, and the audit log."""

import hashlib
import uuid
from collections.abc import Collection
from typing import Any, NoReturn

from django.conf import settings
from django.db import models

from accounts.scopes import Limits
from streams.protocol.text import NAME_LENGTH

ADDRESS_LENGTH = 45  # of an IPv6 address that ends in an IPv4 address


def hashed(secret: str) -> str:
    """The hash stored for a secret."""
    # A plain hash suffices, because the secrets are long and random.
    return hashlib.sha256(secret.encode()).hexdigest()


class Token(models.Model):
    """A bearer token: acts as its user, within its scopes. Only its hash is stored; `hint` is its beginning, to tell
    tokens apart."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=NAME_LENGTH, help_text="What it is for, such as the machine that uses it.")
    hash = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=16, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: valid until it is deleted.")
    scopes = models.CharField(
        max_length=64, help_text="Any of watch, publish, answer and manage; or full, for all that its user may do."
    )
    workspace_id = models.UUIDField(
        null=True,
        blank=True,
        db_index=True,
        help_text="The id of the only workspace it is for. Empty: all of its user's.",
    )
    agents = models.CharField(
        max_length=NAME_LENGTH,
        blank=True,
        help_text="A pattern of the names of agents it is for, such as ci-*. Empty: all.",
    )
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="To the minute.")
    last_address = models.CharField(max_length=ADDRESS_LENGTH, blank=True, editable=False)
    addresses = models.JSONField(default=list, editable=False, help_text="The most recent it was used from.")

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    @property
    def limits(self) -> Limits | None:
        """The token's limits; None: full access."""
        return Limits.stored(self.scopes, self.workspace_id, self.agents)


class Ticket(models.Model):
    """A credential for one WebSocket handshake, on behalf of the session or token that requested it."""

    hash = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    session_key = models.CharField(max_length=40, blank=True)
    token = models.ForeignKey(Token, null=True, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"ticket of {self.user_id}"


class SignInLink(models.Model):
    """A link that signs its user in, once. The row is deleted when it is spent."""

    hash = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"sign-in link of {self.user_id}"


class DeviceSignIn(models.Model):
    """A program that asks to be signed in, until its token is fetched. Only the hash of its device code is stored.
    `user` is who has approved or denied it."""

    class State(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        DENIED = "denied"

    hash = models.CharField(max_length=64, primary_key=True)
    user_code = models.CharField(max_length=8, unique=True)
    client = models.CharField(max_length=NAME_LENGTH)
    scopes = models.CharField(max_length=64)
    address = models.CharField(max_length=ADDRESS_LENGTH, blank=True)
    network = models.CharField(max_length=ADDRESS_LENGTH, blank=True, db_index=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"sign-in of {self.client}"

    @property
    def shown_code(self) -> str:
        """The user code as people see it: XXXX-XXXX."""
        return f"{self.user_code[:4]}-{self.user_code[4:]}"


class SignInFailures(models.Model):
    """Wrong passwords and codes, counted per account, per address, or per both. `key` is a hash of which."""

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    until = models.DateTimeField(help_text="No attempt before this time.")
    last_at = models.DateTimeField()
    known_at = models.DateTimeField(null=True, help_text="When the user last signed in from there.")

    def __str__(self) -> str:
        return f"{self.failures} failures ({self.key[:8]}…)"


class AppendOnly(models.QuerySet["AuditEntry"]):
    """Allows only adding and reading. Changing or deleting raises TypeError, except for retention's `remove`."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("the audit log is append-only")

    def delete(self) -> NoReturn:
        raise TypeError("the audit log is append-only")

    def remove(self, keys: Collection[int]) -> None:
        """Remove entries by id; for retention only."""
        self.filter(pk__in=keys)._raw_delete(self.db)


class AuditEntry(models.Model):
    """An action of a user or program. Names are copies, so that entries outlive accounts, workspaces and agents."""

    time = models.DateTimeField(db_index=True)
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=200, blank=True)
    via = models.CharField(max_length=200)
    address = models.CharField(max_length=ADDRESS_LENGTH, blank=True)
    action = models.CharField(max_length=32)
    workspace_id = models.UUIDField(null=True)
    target = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict)

    objects = AppendOnly.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["workspace_id", "id"], name="audit_of_workspace"),
            models.Index(fields=["actor", "id"], name="audit_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.actor or self.via}: {self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("the audit log is append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("the audit log is append-only")
