"""The same checks run everywhere: by hand, before a commit, and in continuous integration."""

import re
import subprocess

import pytest

from tests.support import ROOT

HOOKS = (ROOT / ".pre-commit-config.yaml").read_text()
WORKFLOW = (ROOT / ".github/workflows/ci.yml").read_text()


def checks(commands: list[str]) -> set[str]:
    return {command for command in commands if re.match(r"\.venv/bin/(ruff|mypy)\b|npm ", command)}


def test_the_hooks_are_the_checks_of_make_lint() -> None:
    lint = subprocess.run(["make", "--dry-run", "lint"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert checks(re.findall(r"entry: (.*)", HOOKS)) == checks(lint.splitlines())


@pytest.mark.parametrize("command", ["make lint", "make test"])
def test_continuous_integration_runs_what_contributors_run(command: str) -> None:
    assert f"run: {command}\n" in WORKFLOW
    assert command in (ROOT / ".ci/run").read_text().splitlines()
    assert command in (ROOT / "CONTRIBUTING.md").read_text()


def test_continuous_integration_looks_up_vulnerabilities() -> None:
    assert "run: make audit\n" in WORKFLOW


def test_continuous_integration_begins_at_the_oldest_python_we_support() -> None:
    [versions] = re.findall(r"python: \[(.*)\]", WORKFLOW)
    oldest = min(tuple(map(int, version.split("."))) for version in re.findall(r'"([\d.]+)"', versions))
    assert f"sys.version_info < ({oldest[0]}, {oldest[1]})" in (ROOT / "Makefile").read_text()
    assert f"Python {oldest[0]}.{oldest[1]} or newer" in (ROOT / "README.md").read_text()
