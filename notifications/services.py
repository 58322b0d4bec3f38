"""WebhookService: every change of a webhook goes through it."""

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.audit import Action
from accounts.scopes import clean_pattern
from notifications.addresses import check_url
from notifications.models import CONTEXT_LEVEL, Preset, Webhook
from notifications.occasions import DEFAULT, Occasion
from notifications.sealing import new_secret, seal
from streams.protocol.messages import Code, ProtocolError, brief
from streams.protocol.text import clean_name
from workspaces.models import Workspace

MAX_WEBHOOKS = 20  # of one workspace
OLD_SECRET = timedelta(days=1)  # for which a secret signs after it was replaced


@dataclass(frozen=True)
class Wanted:
    """What a webhook is told, and how. None: unchanged, or the default for a new one."""

    name: str | None = None
    url: str | None = None
    preset: str | None = None
    occasions: Collection[str] | None = None
    agents: str | None = None
    context_level: int | None = None

    def checked(self) -> dict[str, Any]:
        """The values to store, without those that are None. Raises ProtocolError (INVALID_MESSAGE)."""
        checks: dict[str, Callable[[Any], Any]] = {
            "name": lambda name: clean_name(name, "name"),
            "url": lambda url: seal(check_url(url)),
            "preset": _check_preset,
            "occasions": _check_occasions,
            "agents": clean_pattern,
            "context_level": _check_level,
        }
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: checks[name](value) for name, value in given.items() if value is not None}


def _check_preset(preset: str) -> str:
    if preset not in Preset.values:
        raise _invalid("preset", f"one of {', '.join(Preset.values)}", preset)
    return preset


def _check_occasions(occasions: Collection[str]) -> list[str]:
    known = Occasion.values
    for one in occasions:
        if one not in known:
            raise _invalid("occasions", f"some of {', '.join(known)}", one)
    if not occasions:
        raise _invalid("occasions", f"at least one of {', '.join(known)}", "none")
    return [one for one in known if one in occasions]


def _check_level(level: int) -> int:
    if not 1 <= level <= 100:
        raise _invalid("contextLevel", "1 to 100", level)
    return level


def _invalid(name: str, expected: str, got: object) -> ProtocolError:
    return ProtocolError(Code.INVALID_MESSAGE, f"{name}: expected {expected}; got {brief(got)}")


class WebhookService:
    """Every method is one transaction, and is recorded in the audit log. All raise ProtocolError: INVALID_MESSAGE for
    invalid values, NOT_FOUND for what doesn't exist."""

    @staticmethod
    @transaction.atomic
    def create(workspace_id: uuid.UUID, wanted: Wanted) -> tuple[Webhook, str]:
        """Create a webhook. Returns it with its secret, which isn't shown again."""
        workspace = Workspace.objects.select_for_update().filter(pk=workspace_id).first()
        if workspace is None:
            raise ProtocolError(Code.NOT_FOUND, "there is no such workspace")
        if workspace.webhooks.count() >= MAX_WEBHOOKS:
            raise ProtocolError(Code.INVALID_MESSAGE, f"expected at most {MAX_WEBHOOKS} webhooks in a workspace")
        values = {"occasions": list(DEFAULT), "context_level": CONTEXT_LEVEL} | wanted.checked()
        for needed in ("name", "url"):
            if needed not in values:
                raise ProtocolError(Code.INVALID_MESSAGE, f"{needed}: expected a value")
        secret = new_secret()
        webhook = Webhook.objects.create(workspace=workspace, secret=seal(secret), **values)
        _record(Action.WEBHOOK_CREATED, webhook)
        return webhook, secret

    @staticmethod
    @transaction.atomic
    def change(workspace_id: uuid.UUID, webhook_id: uuid.UUID, wanted: Wanted, active: bool | None = None) -> Webhook:
        """Change what is given. Starting a stopped webhook delivers what happens from then on."""
        webhook = _get(workspace_id, webhook_id)
        for name, value in wanted.checked().items():
            setattr(webhook, name, value)
        if active is not None:
            webhook.stopped = "" if active else webhook.stopped or "Stopped by an owner."
        webhook.save()
        _record(Action.WEBHOOK_CHANGED, webhook)
        return webhook

    @staticmethod
    @transaction.atomic
    def replace_secret(workspace_id: uuid.UUID, webhook_id: uuid.UUID) -> tuple[Webhook, str]:
        """Make a new secret. For a day, messages are signed with the old one, too."""
        webhook = _get(workspace_id, webhook_id)
        secret = new_secret()
        webhook.old_secret, webhook.old_secret_until = webhook.secret, timezone.now() + OLD_SECRET
        webhook.secret = seal(secret)
        webhook.save()
        _record(Action.WEBHOOK_CHANGED, webhook, {"secret": "replaced"})
        return webhook, secret

    @staticmethod
    @transaction.atomic
    def delete(workspace_id: uuid.UUID, webhook_id: uuid.UUID) -> None:
        webhook = _get(workspace_id, webhook_id)
        _record(Action.WEBHOOK_DELETED, webhook)
        webhook.delete()


def find(workspace_id: uuid.UUID, webhook_id: uuid.UUID) -> Webhook:
    """Raises ProtocolError (NOT_FOUND)."""
    webhook = Webhook.objects.select_related("workspace").filter(workspace=workspace_id, pk=webhook_id).first()
    if webhook is None:
        raise ProtocolError(Code.NOT_FOUND, "there is no such webhook in this workspace")
    return webhook


def _get(workspace_id: uuid.UUID, webhook_id: uuid.UUID) -> Webhook:
    webhook = Webhook.objects.select_for_update().filter(workspace=workspace_id, pk=webhook_id).first()
    return webhook or find(workspace_id, webhook_id)


def _record(action: Action, webhook: Webhook, detail: dict[str, Any] | None = None) -> None:
    audit.record(action, workspace_id=webhook.workspace_id, target=webhook.name, detail=detail)
