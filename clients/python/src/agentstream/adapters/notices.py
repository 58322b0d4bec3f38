"""Claude Code's notices about its session (limits, hooks, tasks) as sentences."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from agentstream.adapters.builder import as_text
from agentstream.adapters.json_lines import Event

# Reported by other lines, too, or of no use to people.
_SILENT = {"status", "hook_started", "hook_progress", "task_progress", "task_updated", "thinking_tokens"}


@dataclass
class Notices:
    """Finds the words for a notice; none if it is of no use to people."""

    _tasks: dict[str, object] = field(default_factory=dict)

    def told(self, subtype: str, event: Event) -> str | None:
        """The text for a system event of that subtype, possibly empty; None if the subtype is unknown."""
        match subtype, event:
            case "api_retry", {"attempt": attempt, "max_retries": most}:
                return f"{_trouble(event)}; attempt {attempt} of {most}"
            case "hook_response", _:
                return _hook(event)
            case "task_started", _:
                self._tasks[as_text(event.get("task_id"))] = event.get("description")
                return _note(event)
            case "task_notification", _:
                return _note(event) if self._is_new(event) else ""
            case "task_summary" | "notification" | "permission_denied", _:
                return _note(event)
            case _:
                return "" if subtype in _SILENT else None

    def _is_new(self, event: Event) -> bool:
        """Whether the end of a task adds anything to what is already shown."""
        begun = self._tasks.pop(as_text(event.get("task_id")), None)
        return event.get("status") != "completed" or event.get("summary") != begun


def limit(info: Event) -> str:
    """How much of the account's allowance is used, once that is most of it."""
    status, window = info.get("status"), as_text(info.get("rateLimitType") or "usage").replace("_", "-")
    if status in (None, "allowed"):
        return ""
    share = info.get("utilization")
    used = f": {share:.0%} used" if isinstance(share, float) else ""
    what = f"The {window} limit is near{used}" if status == "allowed_warning" else f"The {window} limit is reached"
    return what + _resets(info.get("resetsAt"))


def _note(event: Event) -> str:
    notes = (event.get(key) for key in ("summary", "description", "message", "text", "detail"))
    return next((note for note in notes if isinstance(note, str)), "")


def _trouble(event: Event) -> str:
    match event:
        case {"error_status": int(status), "error": str(error)}:
            return f"The API responded with {status} ({error.replace('_', ' ')})"
        case _:
            return "The API doesn't respond"


def _hook(event: Event) -> str:
    """A user's hook has run; mentioned only if it failed."""
    if event.get("outcome") in (None, "success") and not event.get("exit_code"):
        return ""
    said = event.get("stderr") or event.get("output") or event.get("outcome")
    return f"Hook {as_text(event.get('hook_name'))} failed: {as_text(said).strip()}"


def _resets(moment: object) -> str:
    """When an allowance resets; `moment` is in seconds since 1970."""
    try:
        when = datetime.fromtimestamp(moment, UTC) if isinstance(moment, int) else None
    except (OverflowError, ValueError, OSError):
        return ""
    return f"; it resets at {when:%Y-%m-%d %H:%M} UTC" if when else ""
