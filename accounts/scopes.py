"""The limits of a token: scopes, and optionally one workspace and a pattern of agent names."""

import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from streams.protocol.kinds import Scope
from streams.protocol.messages import Code, ProtocolError, brief
from streams.protocol.text import NAME_LENGTH

FULL_ACCESS = "full"  # stored in `scopes`: the token may do whatever its user may
CHOICES = (Scope.WATCH, Scope.PUBLISH, Scope.ANSWER, Scope.MANAGE)
NAMES = {str(scope.name).lower(): scope for scope in CHOICES}
DEFAULT = Scope.WATCH | Scope.PUBLISH  # of a token created without scopes, by older clients
PATTERN_LENGTH = NAME_LENGTH
WILDCARDS = 8  # in a pattern: matching tries each at every position


@dataclass(frozen=True, slots=True)
class Limits:
    """What a token may be used for, within its user's role. `agents` is a pattern of names; empty: all agents."""

    scopes: Scope
    workspace_id: uuid.UUID | None = None
    agents: str = ""

    @classmethod
    def stored(cls, scopes: str, workspace_id: uuid.UUID | None, agents: str) -> Self | None:
        """A token's limits from its columns; None for full access. Unknown scopes allow nothing."""
        if scopes == FULL_ACCESS:
            return None
        found = Scope.NONE
        for name in scopes.split():
            found |= NAMES.get(name, Scope.NONE)
        return cls(found, workspace_id, agents)

    @property
    def everywhere(self) -> bool:
        return self.workspace_id is None and not self.agents

    @property
    def names(self) -> list[str]:
        """The scopes' names, as in the API."""
        return [name for name, scope in NAMES.items() if scope in self.scopes]

    def in_workspace(self, workspace_id: uuid.UUID) -> Scope:
        """What the token may do with the workspace as a whole: only see that it exists if limited to certain agents."""
        if self.workspace_id not in (None, workspace_id):
            return Scope.NONE
        return Scope.SEE if self.agents else Scope.SEE | self.scopes

    def for_agent(self, workspace_id: uuid.UUID, name: str) -> Scope:
        """What the token may do with an agent of this name in this workspace, which need not exist yet."""
        if self.workspace_id not in (None, workspace_id):
            return Scope.NONE
        if self.agents and not fnmatchcase(name, self.agents):
            return Scope.NONE
        return Scope.SEE | self.scopes


FULL = Limits(Scope.ALL)  # what None stands for


def parse_scopes(names: Collection[str]) -> Scope:
    """Scopes from their names. Raises ProtocolError (INVALID_MESSAGE) for none or unknown ones."""
    found = Scope.NONE
    for name in names:
        if name not in NAMES:
            raise ProtocolError(Code.INVALID_MESSAGE, f"scopes: expected any of {', '.join(NAMES)}; got {brief(name)}")
        found |= NAMES[name]
    if not found:
        raise ProtocolError(Code.INVALID_MESSAGE, f"scopes: expected at least one of {', '.join(NAMES)}")
    return found


def clean_pattern(pattern: str) -> str:
    """A pattern of agent names, stripped; empty for `*`, which matches all.

    Raises ProtocolError (INVALID_MESSAGE) if it isn't valid.
    """
    pattern = pattern.strip()
    if len(pattern) > PATTERN_LENGTH or not pattern.isprintable():
        raise ProtocolError(
            Code.INVALID_MESSAGE, f"agents: expected a pattern of up to {PATTERN_LENGTH} printable characters"
        )
    pattern = re.sub(r"\*+", "*", pattern)
    if len(re.findall(r"[*?\[]", pattern)) > WILDCARDS:
        raise ProtocolError(
            Code.INVALID_MESSAGE, f"agents: expected at most {WILDCARDS} wildcards, got {brief(pattern)}"
        )
    return "" if pattern == "*" else pattern
