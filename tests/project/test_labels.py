"""`manage.py test` accepts Django's labels and pytest's."""

import subprocess
import sys

import pytest
from django.core.management.base import CommandError

from realtime_project.test_runner import pytest_label
from tests.support import ROOT

LABELS = {
    "agents": "tests/agents",
    "streams": "tests/streams",
    "accounts": "tests/accounts",
    "workspaces": "tests/workspaces",
    "tests": "tests",
    "tests.agents": "tests/agents",
    "tests.agents.test_leases": "tests/agents/test_leases.py",
    "agents.test_leases.test_name": "tests/agents/test_leases.py::test_name",
    "tests/agents": "tests/agents",
    "tests/agents/test_leases.py": "tests/agents/test_leases.py",
    "tests/agents/test_leases.py::test_name": "tests/agents/test_leases.py::test_name",
}


@pytest.mark.parametrize(("label", "expected"), LABELS.items(), ids=LABELS.keys())
def test_a_label_names_tests(label: str, expected: str) -> None:
    assert pytest_label(label, ROOT) == expected


@pytest.mark.parametrize("label", ["nonsense", "tests.nonsense", "tests/nonsense", "agents.nonsense"])
def test_a_label_that_names_nothing_is_an_error(label: str) -> None:
    with pytest.raises(CommandError, match="expected an app, a path or a dotted name"):
        pytest_label(label, ROOT)


def test_manage_py_runs_a_dotted_label() -> None:
    command = [sys.executable, "manage.py", "test", "tests.project.test_labels.test_a_label_names_tests"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(LABELS)} passed" in done.stdout
