"""WorkspaceService: every change of a workspace or its members goes through it."""

import uuid
from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.text import slugify

from accounts import audit
from accounts.audit import Action
from accounts.inbox import inbox_stream, superuser_ids, tell
from accounts.tokens import delete_tokens_of_workspace
from streams import log, metrics
from streams.log import Writer
from streams.protocol.messages import Code, ProtocolError, stream_name
from streams.protocol.text import NAME_LENGTH, clean_name
from streams.signals import access_changed
from workspaces.access import access_of
from workspaces.events import WORKSPACE_UPDATED, Change, InboxChange, InboxWorkspace, WorkspaceUpdated
from workspaces.models import DailyVolume, Membership, Role, Workspace
from workspaces.plugin import installed_sections

MAX_MEMBERS = 300  # of one workspace: the first page of its state, which lists them all, must fit one WebSocket frame

SLUG_TRIES = 20


def workspace_stream(workspace_id: uuid.UUID) -> str:
    return stream_name("workspace", workspace_id)


def workspace_state(workspace: Workspace) -> dict[str, Any]:
    return {"id": str(workspace.pk), "name": workspace.name, "slug": workspace.slug}


def member_state(member: Membership) -> dict[str, Any]:
    return {"id": str(member.pk), "user": member.user.get_username(), "role": member.role}


def record(writer: Writer, workspace_id: uuid.UUID, change: Change, data: dict[str, Any]) -> None:
    """Append a `workspace:updated` to the workspace's stream, which `writer` must have locked."""
    event = WorkspaceUpdated(workspace_id=workspace_id, change=change, data=data)
    writer.append(workspace_stream(workspace_id), WORKSPACE_UPDATED, event.encode())


class WorkspaceService:
    """Changes workspaces. Every method is one transaction, recorded on the workspace's stream and signalled after
    commit. To be called from synchronous code; from asynchronous code through `sync_to_async`.

    All raise ProtocolError: INVALID_MESSAGE for invalid values, NOT_FOUND for what doesn't exist.
    """

    @staticmethod
    @transaction.atomic
    def create(name: str, slug: str = "", owner_id: int | None = None) -> Workspace:
        """Create a workspace; the owner, if given, becomes a member. `slug` is derived from the name by default.

        Raises ProtocolError (FORBIDDEN) if the owner may not create workspaces, or owns too many.
        """
        if owner_id is not None:
            _require_room(owner_id)
        workspace = Workspace(name=clean_name(name, "name"))
        _save_with_slug(workspace, slug or slugify(workspace.name) or "workspace", exact=bool(slug))
        log.open_stream(workspace_stream(workspace.pk))
        audit.record(Action.WORKSPACE_CREATED, workspace_id=workspace.pk, target=workspace.name)
        if owner_id is not None:
            WorkspaceService.set_member(workspace.pk, owner_id, Role.OWNER)
        _tell_all(workspace.pk, superuser_ids(), "added")
        return workspace

    @staticmethod
    def update(workspace_id: uuid.UUID, name: str | None = None, slug: str | None = None) -> Workspace:
        """Change a workspace's name or slug."""
        with log.writing([workspace_stream(workspace_id)]) as writer:
            workspace = _get(workspace_id)
            before = (workspace.name, workspace.slug)
            if name is not None:
                workspace.name = clean_name(name, "name")
            if slug is not None and slug != workspace.slug:
                _save_with_slug(workspace, slug, exact=True)
            elif workspace.name != before[0]:
                workspace.save()
            if (workspace.name, workspace.slug) != before:
                was = {"name": before[0], "slug": before[1]}
                audit.record(Action.WORKSPACE_RENAMED, workspace_id=workspace_id, target=workspace.name, detail=was)
                record(writer, workspace_id, Change.WORKSPACE_UPDATED, workspace_state(workspace))
        return workspace

    @staticmethod
    @transaction.atomic
    def delete(workspace_id: uuid.UUID) -> None:
        """Delete a workspace with its agents, members and streams."""
        workspace = _get(workspace_id)
        names = [workspace_stream(workspace_id)]
        for section in installed_sections():
            names += section.streams(workspace_id)
        delete_tokens_of_workspace(workspace_id)
        audit.record(Action.WORKSPACE_DELETED, workspace_id=workspace_id, target=workspace.name)
        concerned = set(Membership.objects.filter(workspace=workspace).values_list("user", flat=True)) | superuser_ids()
        workspace.delete()  # rows before streams: the order in which everyone locks
        _tell_all(workspace_id, concerned, "removed")
        log.drop_streams(names)
        DailyVolume.objects.filter(workspace_id=workspace_id).delete()

    @staticmethod
    def set_member(workspace_id: uuid.UUID, user_id: int, role: str, *, force: bool = False) -> Membership:
        """Make the user a member in `role`, or change the role of one who is; with `force` the last owner's too."""
        with _changing_member(workspace_id, user_id) as writer:
            _get(workspace_id)
            member = _members(workspace_id).filter(user=user_id).first()
            if member is None:
                return _add(writer, workspace_id, user_id, role, Action.MEMBER_ADDED)
            return _change(writer, member, role, force)

    @staticmethod
    def admit(workspace_id: uuid.UUID, user_id: int, role: str) -> Membership:
        """Make the user a member with at least `role`; a higher role stays."""
        with _changing_member(workspace_id, user_id) as writer:
            _get(workspace_id)
            member = _members(workspace_id).filter(user=user_id).first()
            if member is None:
                return _add(writer, workspace_id, user_id, role, Action.JOINED)
            if access_of(member.role) >= access_of(role):
                return member
            return _change(writer, member, role)

    @staticmethod
    def change_role(workspace_id: uuid.UUID, member_id: uuid.UUID, role: str) -> Membership:
        """Change a member's role. Unlike `set_member`, doesn't add a user who has just been removed."""
        found = _expected(_members(workspace_id).filter(pk=member_id).first())
        with _changing_member(workspace_id, found.user_id) as writer:
            member = _members(workspace_id).filter(pk=member_id).first()
            return _change(writer, _expected(member), role)

    @staticmethod
    @transaction.atomic
    def see_all(user_id: int, allowed: bool) -> None:
        """Tell the inbox of a user who has become a superuser (`allowed`) or no longer is one."""
        joined = set(Membership.objects.filter(user=user_id).values_list("workspace", flat=True))
        with log.writing([inbox_stream(user_id)]) as writer:
            for pk in Workspace.objects.order_by("pk").values_list("pk", flat=True):
                change: InboxChange = "role" if pk in joined else "added" if allowed else "removed"
                tell(writer, user_id, InboxWorkspace(workspace_id=pk, change=change))

    @staticmethod
    def remove_member(workspace_id: uuid.UUID, user_id: int, *, force: bool = False) -> None:
        """End a membership, with `force` even the last owner's; the user's sockets lose the workspace immediately."""
        with _changing_member(workspace_id, user_id) as writer:
            member = _expected(_members(workspace_id).filter(user=user_id).first())
            if not force:
                _require_another_owner(member)
            record(writer, workspace_id, Change.MEMBER_REMOVED, member_state(member))
            _tell(writer, member, "removed")
            _audit(Action.MEMBER_REMOVED, member)
            member.delete()
            _signal_access(user_id)


def may_create(user: Any) -> bool:
    """Whether the user may create workspaces, apart from how many they own."""
    allowed = settings.WORKSPACE_CREATION
    return bool(user.is_superuser or allowed == "everyone" or (allowed == "staff" and user.is_staff))


def _require_room(user_id: int) -> None:
    """Raise ProtocolError (FORBIDDEN) if the user may not create a workspace, or has created enough."""
    # Locked, so that two concurrent requests can't both take the last place.
    user: Any = get_user_model()._default_manager.select_for_update().get(pk=user_id)
    if user.is_superuser:
        return
    if not may_create(user):
        metrics.LIMITED.labels(limit="workspace_creation").inc()
        raise ProtocolError(Code.FORBIDDEN, f"only {settings.WORKSPACE_CREATION} may create workspaces on this server")
    limit = settings.WORKSPACES_PER_USER
    if limit and Membership.objects.filter(user=user_id, role=Role.OWNER).count() >= limit:
        metrics.LIMITED.labels(limit="workspaces").inc()
        raise ProtocolError(Code.FORBIDDEN, f"expected you to own at most {limit} workspaces")


def _changing_member(workspace_id: uuid.UUID, user_id: int) -> AbstractContextManager[Writer]:
    """The workspace's stream and the user's inbox, locked."""
    return log.writing([workspace_stream(workspace_id), inbox_stream(user_id)])


def _tell(writer: Writer, member: Membership, change: InboxChange) -> None:
    """Tell a user's inbox that their membership has changed. Superusers see every workspace regardless."""
    if not getattr(member.user, "is_superuser", False):
        tell(writer, member.user_id, InboxWorkspace(workspace_id=member.workspace_id, change=change))


def _tell_all(workspace_id: uuid.UUID, user_ids: Collection[int], change: InboxChange) -> None:
    with log.writing([inbox_stream(user_id) for user_id in user_ids]) as writer:
        for user_id in user_ids:
            tell(writer, user_id, InboxWorkspace(workspace_id=workspace_id, change=change))


def _members(workspace_id: uuid.UUID) -> QuerySet[Membership]:
    return Membership.objects.select_related("user").filter(workspace=workspace_id)


def _expected(member: Membership | None) -> Membership:
    if member is None:
        raise ProtocolError(Code.NOT_FOUND, "expected a member of the workspace")
    return member


def _add(writer: Writer, workspace_id: uuid.UUID, user_id: int, role: str, action: Action) -> Membership:
    if _members(workspace_id).count() >= MAX_MEMBERS:
        raise ProtocolError(Code.INVALID_MESSAGE, f"expected at most {MAX_MEMBERS} members per workspace")
    member = Membership.objects.create(workspace_id=workspace_id, user_id=user_id, role=Role(role))
    record(writer, workspace_id, Change.MEMBER_ADDED, member_state(member))
    _tell(writer, member, "added")
    _audit(action, member)
    _signal_access(user_id)
    return member


def _change(writer: Writer, member: Membership, role: str, force: bool = False) -> Membership:
    if member.role == role:
        return member
    if not force:
        _require_another_owner(member)
    before, member.role = member.role, Role(role)
    member.save()
    record(writer, member.workspace_id, Change.MEMBER_UPDATED, member_state(member))
    _tell(writer, member, "role")
    _audit(Action.ROLE_CHANGED, member, {"was": before})
    _signal_access(member.user_id)
    return member


def _audit(action: Action, member: Membership, detail: dict[str, Any] | None = None) -> None:
    detail = {"role": str(member.role), **(detail or {})}
    audit.record(action, workspace_id=member.workspace_id, target=member.user.get_username(), detail=detail)


def _require_another_owner(member: Membership) -> None:
    """Raise ProtocolError if the workspace would be left without an owner who can sign in."""
    if member.role != Role.OWNER:
        return
    others = Membership.objects.filter(workspace=member.workspace_id, role=Role.OWNER, user__is_active=True)
    if not others.exclude(pk=member.pk).exists():
        raise ProtocolError(
            Code.INVALID_MESSAGE, "this is the workspace's last owner: expected another member to be made owner first"
        )


def _get(workspace_id: uuid.UUID) -> Workspace:
    workspace = Workspace.objects.filter(pk=workspace_id).first()
    if workspace is None:
        raise ProtocolError(Code.NOT_FOUND, f"there is no workspace {workspace_id}")
    return workspace


def _signal_access(user_id: int) -> None:
    """Make the user's open connections recheck their access, once this is committed."""
    transaction.on_commit(lambda: access_changed.send(WorkspaceService, user_ids=[user_id]), robust=True)


def _save_with_slug(workspace: Workspace, wanted: str, exact: bool) -> None:
    """Save with an unused slug. A concurrent use of the same slug is noticed once it is committed."""
    for _ in range(SLUG_TRIES):
        workspace.slug = _new_slug(wanted, exact)
        try:
            with transaction.atomic():
                workspace.save()
            return
        except IntegrityError:
            continue
    raise ProtocolError(Code.UNAVAILABLE, "too many workspaces with this name are being created; try again later")


def _new_slug(wanted: str, exact: bool) -> str:
    """`wanted` if it is an unused slug, else, unless it must be exact, with a number appended."""
    slug = slugify(wanted)[: NAME_LENGTH - 8]
    if not slug:
        raise ProtocolError(Code.INVALID_MESSAGE, "expected a slug of letters, digits, - and _")
    taken = set(Workspace.objects.filter(slug__startswith=slug).values_list("slug", flat=True))
    if slug not in taken:
        return slug
    if exact:
        raise ProtocolError(Code.INVALID_MESSAGE, f"expected an unused slug, got {slug}, which another workspace has")
    return next(f"{slug}-{i}" for i in range(2, len(taken) + 3) if f"{slug}-{i}" not in taken)
