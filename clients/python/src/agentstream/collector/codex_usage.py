"""The context level, the usage and the account's allowances, as Codex's rollout files have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from agentstream.adapters.progress import MAX_SHARE, MAX_TOKENS, usage
from agentstream.messages import Context, Message, Usage, UsageLimit

# The allowances by their length in minutes, under the names that Claude Code has for them.
_ALLOWANCES = {300: "five_hour", 10_080: "seven_day"}


def counted(session: str, event: Mapping[Any, Any], with_level: bool = True) -> Iterator[Message]:
    """The messages of a `token_count`; that of a sub-agent says nothing about the agent's own level.

    The level is that of the last answer: the totals count the same context again with each answer.
    """
    info = event.get("info")
    limits = tuple(_limits(event.get("rate_limits")))
    if with_level:
        yield from _level(info)
    match info:
        case {"total_token_usage": {**total}}:
            yield replace(_totals(session, total), limits=limits or None)
        case _ if limits:
            # Without a session, because there are no totals to replace those of this one.
            yield Usage(limits=limits)


def _level(info: object) -> Iterator[Context]:
    match info:
        case {"last_token_usage": {"total_tokens": used}, "model_context_window": window}:
            if _is_count(used) and _is_count(window) and 0 < used <= window:
                yield Context(round(100 * used / window), used, window)


def _totals(session: str, total: Mapping[Any, Any]) -> Usage:
    return usage(
        session,
        None,
        input_tokens=total.get("input_tokens"),
        cached_input_tokens=total.get("cached_input_tokens"),
        output_tokens=total.get("output_tokens"),
        reasoning_tokens=total.get("reasoning_output_tokens"),
    )


def _limits(limits: object) -> Iterator[UsageLimit]:
    if isinstance(limits, dict):
        for name in ("primary", "secondary"):
            match limits.get(name):
                case {"used_percent": used, **rest} if _is_share(used):
                    window = rest.get("window_minutes")
                    named = _ALLOWANCES.get(window, name) if type(window) is int else name
                    yield UsageLimit(named, float(used), _moment(rest.get("resets_at")))


def _moment(seconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if type(seconds) is int and seconds >= 0 else None
    except (OverflowError, ValueError, OSError):
        return None


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_SHARE


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_TOKENS
