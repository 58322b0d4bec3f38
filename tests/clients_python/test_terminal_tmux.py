"""`agentstream run --terminal` in a real shell inside tmux: job control and pictures."""

import shlex
import sys
from pathlib import Path

import pytest

from tests.support.tmux import shell

from .place import Place
from .terminals import environment, line

pytestmark = pytest.mark.tmux

PAINTER = (sys.executable, str(Path(__file__).with_name("painter.py")))
SUSPENDER = (sys.executable, str(Path(__file__).with_name("suspender.py")))


@pytest.mark.parametrize("command", [SUSPENDER, ("cat",)], ids=["raw", "cooked"])
def test_control_z_suspends_and_fg_goes_on(place: Place, tmp_path: Path, command: tuple[str, ...]) -> None:
    raw = len(command) > 1
    with shell(tmp_path, environment(place), (40, 150)) as pane:
        pane.type(f"stty -a > {tmp_path}/before; " + shlex.join(line(place, *command)))
        if raw:
            pane.wait_for("ready")
        else:
            pane.type("first")
            pane.wait_for("first", times=2)
        for times in (1, 2):
            pane.press("C-z")
            pane.wait_for("Stopped", times=times)
            pane.wait_for_prompt()
            pane.type(f"stty -a | diff - {tmp_path}/before && echo same modes; jobs")
            pane.wait_for("same modes\n", times=times)
            pane.type("fg")
            if raw:
                pane.wait_for("again", times=times)
                pane.press("x")
                pane.wait_for("key b'x'", times=times)
            else:
                pane.type(f"line {times}")
                pane.wait_for(f"line {times}", times=2)
        pane.press("q" if raw else "C-d")
        pane.wait_for_prompt()
        pane.type("echo code $?")
        pane.wait_for("code 0")


def test_it_draws_the_same_picture_as_without_the_runner(place: Place, tmp_path: Path) -> None:
    pictures = []
    for number, command in enumerate((PAINTER, line(place, *PAINTER))):
        (folder := tmp_path / str(number)).mkdir()
        seen = []
        with shell(folder, environment(place)) as pane:
            pane.type("clear; " + shlex.join(command))
            pane.wait_for("80 x 24, keys: ")
            seen.append(pane.picture)
            pane.press("a", "Up", "Escape")
            pane.wait_for("keys: a<up><esc>")
            seen.append(pane.picture)
            pane.resize(30, 100)
            pane.wait_for("100 x 30, keys: a<up><esc><resize>")
            seen.append(pane.picture)
            pane.press("q")
            pane.wait_for_prompt()
            pane.type("clear; echo code $?")
            pane.wait_for("code 0")
            seen.append(pane.picture)
        pictures.append(seen)
    assert pictures[0] == pictures[1]


def test_in_a_window_without_a_shell_it_goes_on_after_control_z(place: Place, tmp_path: Path) -> None:
    with shell(tmp_path, environment(place), (40, 150)) as pane:
        # Nobody could continue it: a program there isn't stopped.
        pane.type("exec " + shlex.join(line(place, *SUSPENDER)))
        pane.wait_for("ready")
        pane.press("C-z")
        pane.wait_for("again")
        pane.press("x")
        pane.wait_for("key b'x'")
