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
                outcome = await people.run(plan)
                await spy.wait()
                return outcome
        finally:
            peer.stop()


def _print(stacks: list[str]) -> None:
    """Shares of samples: in the function itself, and in what it calls."""
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
