"""Tells a user who becomes a superuser, or no longer is one, which workspaces they see."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models.signals import post_save, pre_save
from django.dispatch import receiver

from workspaces.services import WorkspaceService

BEFORE = "_was_superuser"  # of the instance while it is being saved


@receiver(pre_save, sender=get_user_model())
def remember(instance: Any, update_fields: frozenset[str] | None = None, **kwargs: Any) -> None:
    if instance.pk is not None and (update_fields is None or "is_superuser" in update_fields):
        before = type(instance)._default_manager.filter(pk=instance.pk).values_list("is_superuser", flat=True)
        setattr(instance, BEFORE, before.first())


@receiver(post_save, sender=get_user_model())
def compare(instance: Any, raw: bool = False, **kwargs: Any) -> None:
    before = instance.__dict__.pop(BEFORE, None)
    if before is not None and before != instance.is_superuser and not raw:
        WorkspaceService.see_all(instance.pk, instance.is_superuser)
