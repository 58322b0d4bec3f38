"""What a token is for: scopes, and optionally one workspace and the agents whose names match a pattern."""

import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from streams.protocol.kinds import Scope
from streams.protocol.messages import Code, ProtocolError, brief
from streams.protocol.text import NAME_LENGTH

FULL_ACCESS = "full"  # as it is stored: the token does whatever its user may do
CHOICES = (Scope.WATCH, Scope.PUBLISH, Scope.ANSWER, Scope.MANAGE)
NAMES = {str(scope.name).lower(): scope for scope in CHOICES}
DEFAULT = Scope.WATCH | Scope.PUBLISH  # of a token made without scopes: what clients of before those did with one
PATTERN_LENGTH = NAME_LENGTH
WILDCARDS = 8  # in a pattern: each may be tried at every place of a name


@dataclass(frozen=True, slots=True)
class Limits:
    """What a token may be used for, within its user's role. `agents` is a pattern of names; empty: all."""

    scopes: Scope
    workspace_id: uuid.UUID | None = None
    agents: str = ""

    @classmethod
    def stored(cls, scopes: str, workspace_id: uuid.UUID | None, agents: str) -> Self | None:
        """The limits of a token from its columns; None for full access. A word that is not known allows nothing."""
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
        """The scopes as the API has them."""
        return [name for name, scope in NAMES.items() if scope in self.scopes]

    def in_workspace(self, workspace_id: uuid.UUID) -> Scope:
        """What the token may do with the workspace as a whole. One for certain agents only sees that it is there."""
        if self.workspace_id not in (None, workspace_id):
            return Scope.NONE
        return Scope.SEE if self.agents else Scope.SEE | self.scopes

    def for_agent(self, workspace_id: uuid.UUID, name: str) -> Scope:
        """What the token may do with the agent of this name in this workspace, which need not exist yet."""
        if self.workspace_id not in (None, workspace_id):
            return Scope.NONE
        if self.agents and not fnmatchcase(name, self.agents):
            return Scope.NONE
        return Scope.SEE | self.scopes


FULL = Limits(Scope.ALL)  # what None stands for, where somebody has to ask


def parse_scopes(names: Collection[str]) -> Scope:
    """Scopes from their names. Raises ProtocolError (INVALID_MESSAGE) for none, or one that does not exist."""
    found = Scope.NONE
    for name in names:
        if name not in NAMES:
            raise ProtocolError(Code.INVALID_MESSAGE, f"scopes: expected any of {', '.join(NAMES)}; got {brief(name)}")
        found |= NAMES[name]
    if not found:
        raise ProtocolError(Code.INVALID_MESSAGE, f"scopes: expected at least one of {', '.join(NAMES)}")
    return found


def clean_pattern(pattern: str) -> str:
    """A pattern of agents' names without the white space around it; empty for `*`, which is all of them.

    Raises ProtocolError (INVALID_MESSAGE) if it cannot be used.
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
