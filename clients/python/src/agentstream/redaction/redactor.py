"""Redacts texts and JSON-like structures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from agentstream.redaction import judgement, names
from agentstream.redaction.environment import literals
from agentstream.redaction.names import Strength
from agentstream.redaction.stream import RedactedStream, Rules


class Redactor:
    """Replaces secrets by `[redacted: KIND]`: by their formats, by the names they are assigned to, and the values of
    secret variables in `environment`. `found` counts what has been replaced, by kind."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._rules = Rules(literals(environment or {}))
        self.found: Counter[str] = Counter()

    def stream(self) -> RedactedStream:
        """For a text that arrives in chunks."""
        return RedactedStream(self._rules, self.found)

    def text(self, text: str) -> str:
        """`text` without its secrets."""
        return self.stream().end(text)

    def value(self, value: Any) -> Any:
        """A copy of a structure of dicts, lists and strings without its secrets, also those that their keys reveal."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return self._mapping(value)
            case [*entries]:
                return self._list(entries)
            case _:
                return value

    def _mapping(self, value: Mapping[Any, Any]) -> dict[Any, Any]:
        shown = {
            self.text(key) if isinstance(key, str) else key: self._field(key, entry) for key, entry in value.items()
        }
        match value:
            # As in Kubernetes' `env`: [{"name": "PASSWORD", "value": "…"}].
            case {"name": str(name), "value": str(given)} | {"key": str(name), "value": str(given)}:
                return shown | {"value": self._field(name, given)}
            case _:
                return shown

    def _field(self, key: object, value: Any) -> Any:
        if not isinstance(key, str) or not isinstance(value, str) or (named := names.of(key)) is None:
            return self.value(value)
        kind, strength = named
        shown = self.text(value)
        return self._mark(kind) if shown == value and _is_secret(strength, value) else shown

    def _list(self, entries: list[Any]) -> list[Any]:
        """Also the argument after an option, as in ["--password", "…"]."""
        option: str | None = None
        shown = []
        for entry in entries:
            shown.append(self.value(entry) if option is None else self._field(option, entry))
            option = entry if isinstance(entry, str) and entry.startswith("-") and "=" not in entry else None
        return shown

    def _mark(self, kind: str) -> str:
        self.found[kind] += 1
        return f"[redacted: {kind}]"


def _is_secret(strength: Strength, value: str) -> bool:
    match strength:
        case Strength.PASSWORD:
            return value != "" and not judgement.is_placeholder(value) and value.lower() not in judgement.COMMON
        case Strength.TOKEN:
            return judgement.is_token(value, 8)
        case Strength.KEY:
            return judgement.is_key(value)
