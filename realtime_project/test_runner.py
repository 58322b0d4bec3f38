"""`manage.py test`: the same tests as `pytest`."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any


class PytestRunner:
    """Django's test command, running pytest. Labels are pytest's: files, folders, node ids."""

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

        return int(pytest.main([*self.arguments, *test_labels]))
