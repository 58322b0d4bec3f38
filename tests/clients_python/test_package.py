"""The Python client as it is published: what is in its packages, and that they work where they are installed."""

import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import agentstream
import pytest

from tests.support import ROOT

CLIENT = ROOT / "clients" / "python"
MODULES = {path.relative_to(CLIENT / "src").as_posix() for path in (CLIENT / "src").rglob("*.py")}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A wheel and a source distribution, built without network."""
    folder = tmp_path_factory.mktemp("dist")
    # Not in `build`'s default isolated environment, for which it would download the backend.
    line = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(CLIENT)]
    result = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    [wheel], [source] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_the_modules_their_types_and_the_license(packages: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(packages[0]) as archive:
        names = set(archive.namelist())
    info = {name for name in names if ".dist-info/" in name}
    scripts = {"agentstream/collector/hook.sh", "agentstream/collector/opencode.js"}
    assert names - info == MODULES | scripts | {"agentstream/py.typed"}
    assert any(name.endswith("/licenses/LICENSE") for name in info)


def test_the_source_distribution_can_be_built_from(packages: tuple[Path, Path]) -> None:
    with tarfile.open(packages[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"src/{name}" for name in MODULES} <= names
    assert {"pyproject.toml", "README.md", "LICENSE", "src/agentstream/py.typed"} <= names
    assert not any(name.startswith("tests") or "__pycache__" in name for name in names)


def test_the_metadata_is_complete(packages: tuple[Path, Path]) -> None:
    found = metadata(packages[0])
    assert (found["Name"], found["Version"]) == ("agentstream", agentstream.__version__)
    assert found["License-Expression"] == "Apache-2.0"
    assert found["Author"] == "The Agentstream authors"
    assert found["Requires-Python"] == ">=3.11"
    assert found["Description-Content-Type"] == "text/markdown"
    assert "agentstream run" in found.get_payload()
    assert {url.partition(",")[0] for url in found.get_all("Project-URL", [])} >= {"Homepage", "Source", "Issues"}
    assert len(found.get_all("Classifier", [])) > 5
    assert found["Keywords"]


def test_both_clients_have_one_version() -> None:
    assert f'"version": "{agentstream.__version__}"' in (ROOT / "clients/js/package.json").read_text()


def test_an_installed_wheel_runs(packages: tuple[Path, Path], tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    line = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", "--quiet"]
    subprocess.run([*line, str(packages[0])], capture_output=True, timeout=120, check=True)
    # Its only dependency comes from the tests' own environment; what is installed goes before that.
    [site] = home.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    told = output(str(home / "bin" / "agentstream"), "--version", folder=tmp_path)
    assert told == f"agentstream {agentstream.__version__}\n"
    origin = output(str(python), "-c", "import agentstream; print(agentstream.__file__)", folder=tmp_path)
    assert origin.startswith(str(home.resolve()))


def output(*line: str, folder: Path) -> str:
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=60, check=True).stdout
