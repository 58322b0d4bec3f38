"""All of the server's dependencies are pinned, with hashes. `make lock` renews it."""

import re
import subprocess
from importlib.metadata import PackageNotFoundError, requires, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import ROOT

ENTRY = re.compile(r"^(\S+)==(\S+?)(?: ; ([^\\\n]+?))? \\\n((?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE)


def wanted() -> list[Requirement]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [Requirement(line.partition("#")[0]) for line in lines if line.partition("#")[0].strip()]


def locked() -> dict[str, set[str]]:
    """The versions of each package in requirements.lock; several where they differ between platforms."""
    found: dict[str, set[str]] = {}
    for name, version_, _, _ in ENTRY.findall((ROOT / "requirements.lock").read_text()):
        found.setdefault(canonicalize_name(name), set()).add(version_)
    return found


def needed(requirement: Requirement, seen: dict[str, str]) -> dict[str, str]:
    """The installed versions of a requirement and of all that it needs here."""
    name = canonicalize_name(requirement.name)
    seen[name] = version(name)
    for line in requires(name) or ():
        inner = Requirement(line)
        marker = inner.marker
        if marker is not None and not any(marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras)):
            continue
        if canonicalize_name(inner.name) not in seen:
            needed(inner, seen)
    return seen


@pytest.mark.parametrize("requirement", wanted(), ids=lambda requirement: requirement.name)
def test_the_lock_has_what_requirements_txt_asks_for(requirement: Requirement) -> None:
    [pinned] = requirement.specifier
    assert locked().get(canonicalize_name(requirement.name)) == {pinned.version}, "run make lock"


def test_every_installed_package_is_in_the_lock_in_that_version() -> None:
    seen: dict[str, str] = {}
    for requirement in wanted():
        try:
            needed(requirement, seen)
        except PackageNotFoundError as error:
            pytest.fail(f"{error} is not installed: run make .venv/test.stamp")
    lock = locked()
    assert {name: found for name, found in seen.items() if found not in lock.get(name, ())} == {}


def test_everything_in_the_lock_has_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert len(ENTRY.findall(text)) == len(re.findall(r"^[\w.-]+==", text, re.MULTILINE)) > 30
    assert len(re.findall(r"^[^\s#]", text, re.MULTILINE)) == len(ENTRY.findall(text)), "nothing without a version"


def test_pip_audit_reads_the_lock() -> None:
    command = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "audit"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()[-1]
    told = subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True).stderr
    [count] = re.findall(r"would have audited (\d+) packages", told)
    assert int(count) >= len(locked()) - 5, "all but those of other platforms"


def test_the_server_is_installed_with_hashes() -> None:
    lines = subprocess.run(
        ["make", "--dry-run", "--always-make", "run"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    installs = [line for line in lines if "pip install" in line]
    assert any("--require-hashes -r requirements.lock" in line for line in installs)
    rest = [line for line in installs if "--require-hashes" not in line]
    assert all("--no-deps --no-build-isolation" in line for line in rest), rest
