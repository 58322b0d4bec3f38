"""`manage.py test`: runs pytest, and also accepts Django's dotted labels."""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

TESTS = "tests"


class PytestRunner:
    """Django's test command, running pytest.

    Labels are an app (`agents`), a dotted path (`tests.agents.test_leases.test_name`), or pytest's own: files, folders,
    node ids.
    """

    def __init__(self, verbosity: int = 1, failfast: bool = False, keepdb: bool = False, **kwargs: Any) -> None:
        self.arguments = [f"-{'v' * (verbosity - 1)}"] if verbosity > 1 else []
        self.arguments += ["-x"] if failfast else []
        self.arguments += ["--reuse-db"] if keepdb else []
        self.arguments += ["-k", " or ".join(kwargs["test_name_patterns"])] if kwargs.get("test_name_patterns") else []

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--keepdb", action="store_true", help="reuse the test database")
        parser.add_argument("-k", dest="test_name_patterns", action="append", help="run only tests that match")

    def run_tests(self, test_labels: Sequence[str], **kwargs: Any) -> int:
        import pytest

        labels = [pytest_label(label, settings.BASE_DIR) for label in test_labels]
        return int(pytest.main([*self.arguments, *labels]))


def pytest_label(label: str, base: Path) -> str:
    """A label as pytest understands it. Raises CommandError for one that names nothing."""
    file = label.partition("::")[0]
    if ("/" in file or file.endswith(".py") or file == TESTS) and (base / file).exists():
        return label
    parts = label.split(".")
    if parts[0] == TESTS:
        parts = parts[1:]
    found = base / TESTS
    for count, part in enumerate(parts):
        if (found / part).is_dir():
            found /= part
        elif (found / f"{part}.py").is_file():
            inside = "".join(f"::{name}" for name in parts[count + 1 :])
            return f"{(found / part).relative_to(base)}.py{inside}"
        else:
            raise CommandError(f"expected an app, a path or a dotted name below {TESTS}/, got {label!r}")
    return str(found.relative_to(base))
