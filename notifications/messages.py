"""The requests that webhooks get: CloudEvents 1.0 or what a chat system understands, signed after Standard
Webhooks."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.urls import reverse
from standardwebhooks import Webhook as Signer

from accounts.links import public_url
from agents.models import Agent
from notifications.models import Preset
from notifications.occasions import Occasion, sentence
from streams.protocol.clock import as_milliseconds, timestamp
from streams.protocol.messages import encode
from workspaces.models import Workspace
from workspaces.services import workspace_state

SPECIAL_IN_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>:])")
NO_WIDTH = "\u200b"  # after an @, so that it mentions nobody
URGENT = {Occasion.ASKED, Occasion.FAILED, Occasion.LOST}
ADAPTIVE_CARD = "application/vnd.microsoft.card.adaptive"

Fields = dict[str, Any]


@dataclass(frozen=True)
class Notice:
    """What somebody is told. `id` is the same however often it is sent; `text` is one line of plain text that agents
    may have written."""

    id: str
    type: str
    text: str
    url: str
    time: str
    subject: str
    source: str
    data: Fields
    urgent: bool = False

    @property
    def cloud_event(self) -> Fields:
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": f"agentstream.{self.type}",
            "subject": self.subject,
            "time": self.time,
            "datacontenttype": "application/json",
            "data": {"text": self.text, "url": self.url, **self.data},
        }


def notice_of(occasion: Occasion, agent: Agent, event: Fields) -> Notice:
    """What is told of an event, given as the protocol has it."""
    return Notice(
        id=f"agent.{agent.pk}/{event['seq']}",
        type=occasion.value,
        text=sentence(occasion, agent.name, event["payload"]),
        url=public_url() + reverse("agent", args=[agent.pk]),
        time=event["timestamp"],
        subject=str(agent.pk),
        source=_address(agent.workspace),
        data={
            "agent": {"id": str(agent.pk), "name": agent.name, "labels": agent.labels},
            "workspace": workspace_state(agent.workspace),
            "event": event,
        },
        urgent=occasion in URGENT,
    )


def trial(workspace: Workspace, now: datetime) -> Notice:
    """What somebody who sets up a webhook sends to see whether it arrives."""
    return Notice(
        id=f"test.{uuid.uuid4()}",
        type="test",
        text=f"This is a test of a webhook of the workspace {workspace.name}",
        url=_address(workspace),
        time=timestamp(as_milliseconds(now)),
        subject=str(workspace.pk),
        source=_address(workspace),
        data={"workspace": workspace_state(workspace)},
    )


def _address(workspace: Workspace) -> str:
    return public_url() + reverse("workspace", args=[workspace.slug])


@dataclass(frozen=True)
class Message:
    """A request to send."""

    body: str
    headers: dict[str, str]


def message_for(notice: Notice, preset: Preset, secrets: Sequence[str], now: datetime) -> Message:
    """The request that tells a receiver of this kind, signed with each of the secrets."""
    match preset:
        case Preset.CLOUDEVENTS:
            content_type, body = "application/cloudevents+json; charset=utf-8", encode(notice.cloud_event)
        case Preset.NTFY:
            content_type, body = "text/plain; charset=utf-8", notice.text
        case _:
            content_type, body = "application/json", encode(_chat(notice.text, notice.url, preset))
    headers = {"content-type": content_type, **signature(notice.id, body, secrets, now)}
    if preset is Preset.NTFY:
        headers |= {"click": notice.url, "priority": "high" if notice.urgent else "default"}
    return Message(body, headers)


def signature(message_id: str, body: str, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks. Its ids contain no full stop, which separates what is signed."""
    message_id = message_id.replace(".", "-")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Signer(secret).sign(message_id, now.astimezone(UTC), body) for secret in secrets),
    }


def _chat(text: str, url: str, preset: Preset) -> Fields:
    match preset:
        case Preset.SLACK:
            safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            plain = {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}
            link = {"type": "section", "text": {"type": "mrkdwn", "text": f"<{url}|Open in Agentstream>"}}
            return {"text": safe, "blocks": [plain, link]}
        case Preset.DISCORD:
            return {"content": f"{_markdown(text)}\n<{url}>", "allowed_mentions": {"parse": []}}
        case Preset.MATTERMOST:
            return {"text": f"{_markdown(text)}\n[Open in Agentstream]({url})"}
        case Preset.TEAMS:
            line = {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text}]}
            card = {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [line],
                "actions": [{"type": "Action.OpenUrl", "title": "Open in Agentstream", "url": url}],
            }
            return {"type": "message", "attachments": [{"contentType": ADAPTIVE_CARD, "content": card}]}
        case _:
            raise AssertionError(preset)


def _markdown(text: str) -> str:
    """Plain text as Markdown that shows it as it is and mentions nobody."""
    escaped = SPECIAL_IN_MARKDOWN.sub(r"\\\1", text)
    return escaped.replace("@", f"@{NO_WIDTH}").replace("<", "\\<")
