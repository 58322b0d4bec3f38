"""Where Agentstream's server spends its time in a workload: `python -m benchmarks.profile [rate] [viewers] [agents]`.

Writes what py-spy sampled, folded, to .cache/profile.folded, and prints the functions that took most.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import uvloop

from benchmarks.load import Outcome, Plan, crowd
from benchmarks.machine import allow_sockets, pin_load
from benchmarks.peers.agentstream import Agentstream, Plain
from benchmarks.programs import CACHE
from benchmarks.workloads.base import delivery_row

SECONDS = 8.0
SHOWN = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rate", type=float, nargs="?", default=1_000, help="events a second of each agent")
    parser.add_argument("viewers", type=int, nargs="?", default=500, help="of each agent")
    parser.add_argument("agents", type=int, nargs="?", default=1)
    parser.add_argument("--plain", action="store_true", help="a frame per event")
    parser.add_argument("--gil", action="store_true", help="only what holds the interpreter's lock")
    arguments = parser.parse_args()
    pin_load()
    allow_sockets()
    CACHE.mkdir(exist_ok=True)
    folded = CACHE / "profile.folded"
    plan = Plan(arguments.agents, arguments.viewers, arguments.rate, SECONDS)
    outcome = uvloop.run(_run(Plain() if arguments.plain else Agentstream(), plan, folded, arguments.gil))
    print(delivery_row("profiled", outcome))
    _print(folded.read_text().splitlines())


async def _run(peer: Agentstream, plan: Plan, folded: Path, gil: bool) -> Outcome:
    peer.prepare()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            peer.start(Path(folder), plan.agents)
            async with crowd(peer, plan.agents, plan.viewers, plan.rate) as people:
                options = ["-d", str(int(SECONDS)), "-r", "400", "-f", "raw", "-o", str(folded), "--nonblocking"]
                options += ["--gil"] if gil else []
                program = Path(sys.executable).parent / "py-spy"
                spy = await asyncio.create_subprocess_exec(
                    program, "record", *options, "-p", str(peer.pids[0]), stdout=subprocess.DEVNULL
                )
                threads = _threads(peer.pids[0])
                outcome = await people.run(plan)
                for name, before in threads.items():
                    user, system = (now - then for now, then in zip(_threads(peer.pids[0])[name], before, strict=True))
                    print(f"{name:>10}: {user:.2f} s user, {system:.2f} s system")
                await spy.wait()
                return outcome
        finally:
            peer.stop()


def _threads(pid: int) -> dict[str, tuple[float, float]]:
    """User and system seconds of the event loop's thread and of all others, which use the database."""
    found = {"loop": (0.0, 0.0), "database": (0.0, 0.0)}
    for thread in psutil.Process(pid).threads():
        name = "loop" if thread.id == pid else "database"
        user, system = found[name]
        found[name] = user + thread.user_time, system + thread.system_time
    return found


def _print(stacks: list[str]) -> None:
    """Shares of samples: in the function itself, and including what it calls."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        own[frames[-1]] += int(count)
        for frame in set(frames):
            whole[frame] += int(count)
    samples = own.total()
    for heading, counter in (("in the line itself", own), ("with what it calls", whole)):
        print(f"\n{heading}")
        for frame, times in counter.most_common(SHOWN):
            print(f"{times / samples:6.1%}  {frame}")


if __name__ == "__main__":
    main()
