"""What tests start from a fork server is like what they start anew."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.forkserver import DJANGO, ForkedPopen

MODULES = ("json",)


@pytest.fixture(params=["anew", "forked"])
def popen(request: pytest.FixtureRequest) -> Any:
    return subprocess.Popen if request.param == "anew" else lambda args, **more: ForkedPopen(args, MODULES, **more)


def script(folder: Path, code: str) -> list[str]:
    (folder / "script.py").write_text(code)
    return [sys.executable, str(folder / "script.py"), "an argument"]


def test_a_program_has_its_own_files_environment_and_place(popen: Any, tmp_path: Path) -> None:
    code = "import os, sys; print(sys.argv[1:], sys.stdin.read(), os.environ, os.getcwd()); sys.exit('an error')"
    pipe = subprocess.PIPE
    line = script(tmp_path, code)
    with popen(line, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path, env={"A": "ü"}) as process:
        out, err = process.communicate("typed", timeout=30)
    assert (process.returncode, err) == (1, "an error\n")
    words, environment = out.split("environ(")
    assert words == "['an argument'] typed "
    assert "'A': 'ü'" in environment
    assert "HOME" not in environment
    assert environment.endswith(f"{tmp_path}\n")


def test_a_program_is_signalled_and_awaited(popen: Any, tmp_path: Path) -> None:
    line = script(tmp_path, "import time; print('up', flush=True); time.sleep(60)")
    with popen(line, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"up\n"
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.terminate()
        assert process.wait(30) == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_programs_exit_handlers_run_and_its_threads_finish(popen: Any, tmp_path: Path) -> None:
    code = "import atexit, threading, time; atexit.register(print, 'bye')\n"
    code += "threading.Thread(target=lambda: (time.sleep(0.1), print('done'))).start()"
    with popen(script(tmp_path, code), stdout=subprocess.PIPE, text=True) as process:
        assert process.communicate(timeout=30)[0] == "done\nbye\n"


def test_nothing_that_is_shared_reads_the_settings_or_chooses_a_reactor() -> None:
    code = f"import importlib, sys; [importlib.import_module(name) for name in {DJANGO!r}]; "
    code += "from django.conf import settings; print(settings.configured, 'twisted.internet.reactor' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
