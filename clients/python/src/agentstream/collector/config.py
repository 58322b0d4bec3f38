"""Which folders are reported to which workspace, and in what detail: `~/.config/agentstream/config.toml`.

[collector]
url = "https://agents.example.com"
workspace = "team"          # the default
detail = "full"             # or "messages", "status"
backfill_hours = 0          # of what was said before the user connected, also publish the last hours

[[rule]]                    # the first that matches applies
folder = "~/work/secret/**"
ignore = true

[[rule]]
remote = "github.com/acme/*"
workspace = "acme"
detail = "messages"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from agentstream.collector.detail import Detail
from agentstream.files import config_folder


@dataclass(frozen=True)
class Reporting:
    """What is reported of a folder, and to which workspace (its slug)."""

    workspace: str
    detail: Detail


@dataclass(frozen=True)
class Rule:
    """Applies to folders that match `folder`, or whose git remote matches `remote`; to all if neither is given."""

    folder: str | None = None
    remote: str | None = None
    workspace: str | None = None
    detail: Detail | None = None
    ignore: bool = False

    def matches(self, folder: str, remote: str) -> bool:
        """Whether the rule applies. `remote` is like ``github.com/acme/site``, empty if there is none."""
        if self.folder is not None and not _within(folder, self.folder):
            return False
        return self.remote is None or fnmatchcase(remote, self.remote)


@dataclass(frozen=True)
class Config:
    """The user's configuration of the collector."""

    url: str
    workspace: str
    detail: Detail = Detail.FULL
    backfill_hours: float = 0.0
    insecure: bool = False
    rules: tuple[Rule, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Config:
        """The configuration in a file. Raises ValueError that says what was expected, and FileNotFoundError."""
        try:
            found = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as failed:
            raise ValueError(f"{path}: {failed}") from None
        try:
            return _config(found)
        except ValueError as failed:
            raise ValueError(f"{path}: {failed}") from None

    def reporting(self, folder: str, remote: str) -> Reporting | None:
        """What to report of a folder; None if it is ignored."""
        for rule in self.rules:
            if rule.matches(folder, remote):
                if rule.ignore:
                    return None
                return Reporting(rule.workspace or self.workspace, rule.detail or self.detail)
        return Reporting(self.workspace, self.detail)


def config_path(environment: Mapping[str, str]) -> Path:
    """The file."""
    return config_folder(environment) / "config.toml"


def _within(folder: str, pattern: str) -> bool:
    """Whether a folder matches a pattern, or is below one that does."""
    pattern = str(Path(pattern).expanduser()).removesuffix("/**")
    return fnmatchcase(folder, pattern) or fnmatchcase(folder, f"{pattern}/*")


def _config(found: dict[str, Any]) -> Config:
    _known("the file", found, {"collector", "rule"})
    main = _table("collector", found.get("collector", {}))
    _known("[collector]", main, {"url", "workspace", "detail", "backfill_hours", "insecure"})
    rules = found.get("rule", [])
    if not isinstance(rules, list):
        raise ValueError("expected rules as [[rule]]")
    hours = main.get("backfill_hours", 0)
    if isinstance(hours, bool) or not isinstance(hours, int | float) or hours < 0:
        raise ValueError(f"backfill_hours: expected a number from 0; got {hours!r}")
    return Config(
        _required(main, "url"),
        _required(main, "workspace"),
        _detail(main) or Detail.FULL,
        hours,
        _flag(main, "insecure"),
        tuple(_rule(rule) for rule in rules),
    )


def _rule(given: object) -> Rule:
    table = _table("rule", given)
    _known("[[rule]]", table, {"folder", "remote", "workspace", "detail", "ignore"})
    texts = {name: _text(table, name) for name in ("folder", "remote", "workspace")}
    return Rule(**texts, detail=_detail(table), ignore=_flag(table, "ignore"))


def _table(name: str, given: object) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ValueError(f"{name}: expected a table; got {given!r}")
    return given


def _known(where: str, table: dict[str, Any], names: set[str]) -> None:
    if unknown := sorted(set(table) - names):
        raise ValueError(f"expected only {', '.join(sorted(names))} in {where}; got {', '.join(unknown)}")


def _text(table: dict[str, Any], name: str) -> str | None:
    value = table.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise ValueError(f"{name}: expected text; got {value!r}")
    return value


def _required(table: dict[str, Any], name: str) -> str:
    value = _text(table, name)
    if value is None:
        raise ValueError(f"expected {name} in [collector]")
    return value


def _flag(table: dict[str, Any], name: str) -> bool:
    value = table.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{name}: expected true or false; got {value!r}")
    return value


def _detail(table: dict[str, Any]) -> Detail | None:
    value = _text(table, "detail")
    if value is not None and value not in [detail.value for detail in Detail]:
        raise ValueError(f"detail: expected status, messages or full; got {value!r}")
    return None if value is None else Detail(value)
