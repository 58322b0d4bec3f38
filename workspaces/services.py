"""WorkspaceService: the only door to a change of a workspace or its members."""

import uuid
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from streams import log
from streams.log import News, Writer, stream_name
from streams.messages import Code, ProtocolError
from workspaces.events import WORKSPACE_UPDATED, Change, WorkspaceUpdated
from workspaces.models import NAME_LENGTH, Membership, Role, Workspace
from workspaces.sections import all_sections
from workspaces.signals import access_changed, events_recorded, streams_dropped


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


def clean_name(name: str, what: str) -> str:
    """`name` without the white space around it. Raises ProtocolError (INVALID_MESSAGE) if it will not do."""
    name = name.strip()
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise ProtocolError(
            Code.INVALID_MESSAGE, f"expected a {what} of 1 to {NAME_LENGTH} printable characters, got {len(name)}"
        )
    return name


class WorkspaceService:
    """Changes workspaces. Every method is one transaction, recorded on the workspace's stream and signalled after
    commit. To be called from synchronous code; from asynchronous code through `sync_to_async`.

    All raise ProtocolError: INVALID_MESSAGE for values that will not do, NOT_FOUND for what does not exist.
    """

    @staticmethod
    @transaction.atomic
    def create(name: str, slug: str = "", owner_id: int | None = None) -> Workspace:
        """Make a workspace; the owner, if given, becomes its first member. Without `slug` one is made of the name."""
        name = clean_name(name, "name")
        workspace = Workspace(name=name, slug=_new_slug(slug or slugify(name) or "workspace", exact=bool(slug)))
        log.open_stream(workspace_stream(workspace.pk))
        workspace.save(force_insert=True)
        if owner_id is not None:
            WorkspaceService.set_member(workspace.pk, owner_id, Role.OWNER)
        return workspace

    @staticmethod
    def update(workspace_id: uuid.UUID, name: str | None = None, slug: str | None = None) -> Workspace:
        """Rename a workspace, or give it another slug."""
        with log.writing([workspace_stream(workspace_id)]) as writer:
            workspace = _get(workspace_id)
            before = (workspace.name, workspace.slug)
            if name is not None:
                workspace.name = clean_name(name, "name")
            if slug is not None and slug != workspace.slug:
                workspace.slug = _new_slug(slug, exact=True)
            if (workspace.name, workspace.slug) != before:
                workspace.save()
                record(writer, workspace_id, Change.WORKSPACE_UPDATED, workspace_state(workspace))
                _signal(writer)
        return workspace

    @staticmethod
    @transaction.atomic
    def delete(workspace_id: uuid.UUID) -> None:
        """Delete a workspace with all it holds: agents, members, streams."""
        workspace = _get(workspace_id)
        names = [workspace_stream(workspace_id)]
        for section in all_sections():
            names += section.streams(workspace_id)
        workspace.delete()  # rows before streams: the order in which everyone locks
        log.drop_streams(names)
        transaction.on_commit(lambda: streams_dropped.send(WorkspaceService, names=names), robust=True)

    @staticmethod
    def set_member(workspace_id: uuid.UUID, user_id: int, role: str) -> Membership:
        """Make the user a member in `role`, or change the role of one who is."""
        with log.writing([workspace_stream(workspace_id)]) as writer:
            _get(workspace_id)
            member = Membership.objects.filter(workspace=workspace_id, user=user_id).first()
            change = Change.MEMBER_UPDATED if member else Change.MEMBER_ADDED
            member = member or Membership(workspace_id=workspace_id, user_id=user_id)
            if change is Change.MEMBER_UPDATED and member.role == role:
                return member
            member.role = Role(role)
            member.save()
            record(writer, workspace_id, change, member_state(member))
            _signal(writer, [user_id])
        return member

    @staticmethod
    def remove_member(workspace_id: uuid.UUID, user_id: int) -> None:
        """End a membership; sockets of the user lose the workspace at once."""
        with log.writing([workspace_stream(workspace_id)]) as writer:
            member = Membership.objects.select_related("user").filter(workspace=workspace_id, user=user_id).first()
            if member is None:
                raise ProtocolError(Code.NOT_FOUND, "expected a member of the workspace")
            record(writer, workspace_id, Change.MEMBER_REMOVED, member_state(member))
            member.delete()
            _signal(writer, [user_id])


def _get(workspace_id: uuid.UUID) -> Workspace:
    workspace = Workspace.objects.filter(pk=workspace_id).first()
    if workspace is None:
        raise ProtocolError(Code.NOT_FOUND, f"there is no workspace {workspace_id}")
    return workspace


def _signal(writer: Writer, user_ids: list[int] | None = None) -> None:
    news: list[News] = writer.news

    def send() -> None:
        events_recorded.send(WorkspaceService, news=news)
        if user_ids:
            access_changed.send(WorkspaceService, user_ids=user_ids)

    transaction.on_commit(send, robust=True)


def _new_slug(wanted: str, exact: bool) -> str:
    """`wanted` as a slug nobody has; where it need not be exact, with a number behind it."""
    slug = slugify(wanted)[: NAME_LENGTH - 8]
    if not slug:
        raise ProtocolError(Code.INVALID_MESSAGE, "expected a slug of letters, digits, - and _")
    taken = set(Workspace.objects.filter(slug__startswith=slug).values_list("slug", flat=True))
    if slug not in taken:
        return slug
    if exact:
        raise ProtocolError(Code.INVALID_MESSAGE, f"expected a slug that is not taken, got {slug}")
    return next(f"{slug}-{i}" for i in range(2, len(taken) + 3) if f"{slug}-{i}" not in taken)
