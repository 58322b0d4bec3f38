"""The credentials of users."""

import hashlib
import uuid

from django.conf import settings
from django.db import models

from accounts.text import NAME_LENGTH


def hashed(secret: str) -> str:
    """What is stored of a secret."""
    # A plain hash suffices: the secrets are random and long, there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


class Token(models.Model):
    """A bearer token: acts as its user. Only its hash is stored; `hint` is its beginning, to tell tokens apart."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=NAME_LENGTH, help_text="What it is for, such as the machine that uses it.")
    hash = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=16, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it holds until it is deleted.")

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"


class Ticket(models.Model):
    """A credential for one WebSocket handshake, standing for the session or the token it was asked with."""

    hash = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    session_key = models.CharField(max_length=40, blank=True)
    token = models.ForeignKey(Token, null=True, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"ticket of {self.user_id}"
