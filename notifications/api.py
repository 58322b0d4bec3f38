"""The HTTP API of a workspace's webhooks."""

import asyncio
import uuid
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router
from pydantic import Field, StringConstraints

from accounts.requests import Caller, Camel, authorize, read, write
from notifications.deliveries import address_of, deliveries_of, send_trial
from notifications.models import Delivery, DeliveryState, Preset, Webhook
from notifications.occasions import Occasion
from notifications.services import Wanted, WebhookService, find
from streams.protocol.kinds import Access, Scope
from streams.protocol.messages import Code, ProtocolError
from streams.runtime import Runtime

router = Router(tags=["webhooks"])

AT_ONCE = 4  # tests that one process sends
PATH = "/workspaces/{uuid:workspace_id}/webhooks"
ONE = f"{PATH}/{{uuid:webhook_id}}"

Word = Annotated[str, StringConstraints(max_length=64)]


class WebhookIn(Camel):
    name: str | None = Field(None, max_length=200)
    url: str | None = Field(None, max_length=2_000, description="https://…; never returned in full")
    preset: Word | None = Field(None, description=", ".join(Preset.values))
    occasions: list[Word] | None = Field(None, max_length=20, description=", ".join(Occasion.values))
    agents: str | None = Field(None, max_length=200, description="a pattern of agents' names; empty: all")
    context_level: int | None = Field(None, description="percent from which `context` is told")

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.name, self.url, self.preset, self.occasions, self.agents, self.context_level)


class WebhookPatch(WebhookIn):
    active: bool | None = Field(None, description="false stops it, true starts a stopped one")


class WebhookOut(Camel):
    id: uuid.UUID
    name: str
    address: str = Field(description="the part of its URL that is not secret")
    preset: Preset
    occasions: list[Occasion]
    agents: str
    context_level: int
    stopped: str = Field(description="why nothing is delivered; empty if it is active")
    created_at: datetime


class WebhookMade(WebhookOut):
    secret: str = Field(description="signs its messages; shown only this once")


class DeliveryOut(Camel):
    agent_id: uuid.UUID
    seq: int
    occasion: Occasion
    state: DeliveryState
    created_at: datetime
    ended_at: datetime | None
    attempts: int
    due_at: datetime | None = Field(description="when it is tried next, if it is pending")
    status: int | None = Field(description="of the last answer; null if there was none")
    request: str = Field(description="the body last sent, truncated")
    answer: str = Field(description="the last answer's body, or why there was none; truncated")


class TrialOut(Camel):
    accepted: bool
    status: int | None = Field(description="of the answer; null if there was none")
    answer: str = Field(description="the answer's body, or why there was none")


class Trials:
    """The tests that one event loop is sending."""

    def __init__(self) -> None:
        self.running = 0


def _webhook(webhook: Webhook) -> dict[str, Any]:
    names = ("name", "preset", "occasions", "agents", "context_level", "stopped", "created_at")
    return {"id": webhook.pk, "address": address_of(webhook)} | {name: getattr(webhook, name) for name in names}


def _delivery(delivery: Delivery) -> dict[str, Any]:
    names = [name for name in DeliveryOut.model_fields if name != "due_at"]
    due = delivery.due_at if delivery.state == DeliveryState.PENDING else None
    return {name: getattr(delivery, name) for name in names} | {"due_at": due}


def _list(workspace_id: uuid.UUID) -> list[dict[str, Any]]:
    return [_webhook(one) for one in Webhook.objects.filter(workspace=workspace_id)]


def _create(workspace_id: uuid.UUID, wanted: Wanted) -> dict[str, Any]:
    webhook, secret = WebhookService.create(workspace_id, wanted)
    return _webhook(webhook) | {"secret": secret}


def _change(workspace_id: uuid.UUID, webhook_id: uuid.UUID, wanted: Wanted, active: bool | None) -> dict[str, Any]:
    return _webhook(WebhookService.change(workspace_id, webhook_id, wanted, active))


def _replace_secret(workspace_id: uuid.UUID, webhook_id: uuid.UUID) -> dict[str, Any]:
    webhook, secret = WebhookService.replace_secret(workspace_id, webhook_id)
    return _webhook(webhook) | {"secret": secret}


def _deliveries(workspace_id: uuid.UUID, webhook_id: uuid.UUID) -> list[dict[str, Any]]:
    return [_delivery(one) for one in deliveries_of(find(workspace_id, webhook_id))]


@router.get(PATH, response=list[WebhookOut], by_alias=True, summary="Webhooks", auth=Caller(Scope.MANAGE))
async def list_webhooks(request: HttpRequest, workspace_id: uuid.UUID) -> list[dict[str, Any]]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    return await read(_list, workspace_id)


@router.post(PATH, response={201: WebhookMade}, by_alias=True, summary="Create a webhook", auth=Caller(Scope.MANAGE))
async def create_webhook(request: HttpRequest, workspace_id: uuid.UUID, body: WebhookIn) -> tuple[int, dict[str, Any]]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    return 201, await write(_create, workspace_id, body.wanted)


@router.patch(
    ONE, response=WebhookOut, by_alias=True, summary="Change, stop or start a webhook", auth=Caller(Scope.MANAGE)
)
async def change_webhook(
    request: HttpRequest, workspace_id: uuid.UUID, webhook_id: uuid.UUID, body: WebhookPatch
) -> dict[str, Any]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    return await write(_change, workspace_id, webhook_id, body.wanted, body.active)


@router.delete(ONE, response={204: None}, summary="Delete a webhook", auth=Caller(Scope.MANAGE))
async def delete_webhook(request: HttpRequest, workspace_id: uuid.UUID, webhook_id: uuid.UUID) -> tuple[int, None]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    await write(WebhookService.delete, workspace_id, webhook_id)
    return 204, None


@router.post(
    f"{ONE}/secret",
    response=WebhookMade,
    by_alias=True,
    summary="Replace its secret; for a day, messages are signed with the old one, too",
    auth=Caller(Scope.MANAGE),
)
async def replace_secret(request: HttpRequest, workspace_id: uuid.UUID, webhook_id: uuid.UUID) -> dict[str, Any]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    return await write(_replace_secret, workspace_id, webhook_id)


@router.get(
    f"{ONE}/deliveries",
    response=list[DeliveryOut],
    by_alias=True,
    summary="Its last 100 deliveries, newest first",
    auth=Caller(Scope.MANAGE),
)
async def list_deliveries(request: HttpRequest, workspace_id: uuid.UUID, webhook_id: uuid.UUID) -> list[dict[str, Any]]:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    return await read(_deliveries, workspace_id, webhook_id)


@router.post(
    f"{ONE}/test",
    response=TrialOut,
    by_alias=True,
    summary="Send a test and wait for the receiver's answer",
    auth=Caller(Scope.MANAGE),
)
async def test_webhook(request: HttpRequest, workspace_id: uuid.UUID, webhook_id: uuid.UUID) -> TrialOut:
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
    webhook = await read(find, workspace_id, webhook_id)
    trials = Runtime.current().part(Trials)
    if trials.running >= AT_ONCE:
        raise ProtocolError(Code.RATE_LIMITED, "too many tests of webhooks are running; try again soon", retry_after=5)
    trials.running += 1
    try:
        answer = await asyncio.to_thread(send_trial, webhook)
    finally:
        trials.running -= 1
    return TrialOut(accepted=answer.accepted, status=answer.status, answer=answer.text)
