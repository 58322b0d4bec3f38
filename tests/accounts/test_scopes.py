"""A token's limits, as stored in its columns, allow nothing else."""

import time
import uuid

import pytest

from accounts.scopes import FULL_ACCESS, NAMES, PATTERN_LENGTH, WILDCARDS, Limits, clean_pattern
from streams.protocol.kinds import Access, Rights, Scope
from streams.protocol.messages import ProtocolError
from streams.protocol.text import NAME_LENGTH

HERE = uuid.uuid4()


def test_only_full_access_has_no_limits() -> None:
    assert Limits.stored(FULL_ACCESS, None, "") is None
    for scopes in ("", "everything", "FULL", "full watch"):
        limits = Limits.stored(scopes, None, "")
        assert limits is not None
        assert not limits.scopes & ~Scope.WATCH


@pytest.mark.parametrize("access", list(Access))
@pytest.mark.parametrize("scope", list(NAMES.values()))
def test_rights_are_what_role_and_scope_both_allow(access: Access, scope: Scope) -> None:
    rights = Rights(access, Scope.SEE | scope)
    for needed in (Access.READ, Access.WRITE, Access.MANAGE):
        for wanted in NAMES.values():
            assert rights.allow(needed, wanted) is (access >= needed and wanted is scope)


def test_without_the_right_to_see_there_are_no_rights() -> None:
    assert not Rights(Access.MANAGE, Scope.NONE).visible
    assert not Rights(Access.MANAGE, Scope.WATCH).allow(Access.READ, Scope.WATCH)
    assert not Rights(Access.NONE).visible


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("ci-*", ["ci-", "ci-1"], ["CI-1", "xci-1", "ci"]),
        ("build", ["build"], ["build 2", "Build"]),
        ("[ab]?", ["a1", "bb"], ["c1", "a", "a12"]),
        ("", ["anything"], []),
    ],
)
def test_a_pattern_covers_the_names_it_matches(pattern: str, matching: list[str], others: list[str]) -> None:
    limits = Limits(Scope.PUBLISH, HERE, pattern)
    assert all(limits.for_agent(HERE, name) == Scope.SEE | Scope.PUBLISH for name in matching)
    assert not any(limits.for_agent(HERE, name) for name in others)
    assert not any(limits.for_agent(uuid.uuid4(), name) for name in matching)


def test_no_pattern_is_slow_to_match() -> None:
    """The event loop must not be held for 20 ms: not even by the worst pattern on the worst name."""
    worst = 0.0
    for step in ("*a", "*?", "*[a-z]", "*[!b]"):
        count = WILDCARDS if step == "*a" else WILDCARDS // 2
        limits = Limits(Scope.WATCH, None, clean_pattern(step * count + "b"))
        limits.for_agent(HERE, "a")  # compiles it
        start = time.thread_time()
        assert not limits.for_agent(HERE, "a" * NAME_LENGTH)
        worst = max(worst, time.thread_time() - start)
    assert worst < 0.02


def test_patterns_are_bounded() -> None:
    assert clean_pattern(" * ") == clean_pattern("***") == ""
    for pattern in ("a" * (PATTERN_LENGTH + 1), "*a" * (WILDCARDS + 1), "a\x00", "a\nb"):
        with pytest.raises(ProtocolError, match="agents: expected"):
            clean_pattern(pattern)
