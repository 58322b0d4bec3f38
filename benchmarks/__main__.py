"""`python -m benchmarks`: measure Agentstream beside what people would use instead."""

import argparse
from pathlib import Path

import uvloop

from benchmarks import charts, report
from benchmarks.machine import allow_sockets, pin_load
from benchmarks.results import FOLDER
from benchmarks.runner import run
from benchmarks.workloads import ALL, QUICK

QUICK_PEERS = ("agentstream", "agentstream-plain", "node")


def main() -> None:
    arguments = _arguments()
    pin_load()
    allow_sockets()
    kinds = QUICK if arguments.quick and not arguments.only else ALL
    wanted = [kind for kind in kinds if not arguments.only or kind.name in arguments.only]
    peers = arguments.peers or (QUICK_PEERS if arguments.quick else ())
    folder = FOLDER / "quick" if arguments.quick else arguments.into
    repetitions = arguments.repeat or (1 if arguments.quick else 5)
    if arguments.draw:
        wanted = []
    for kind in wanted:
        uvloop.run(run(kind(), peers, repetitions, arguments.quick or arguments.short, folder))
    report.write(folder, charts.write(folder))
    print((folder / "results.md").read_text())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [kind.name for kind in ALL]
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few events, one repetition, and only the two telling workloads unless others are named",
    )
    parser.add_argument("--short", action="store_true", help="the workloads in small, to see whether they work")
    parser.add_argument("--only", nargs="+", choices=names, default=[], help="these workloads")
    parser.add_argument("--peers", nargs="+", default=[], help="these systems, by their names in the results")
    parser.add_argument("--repeat", type=int, default=0, help="repetitions (5; quick: 1)")
    parser.add_argument("--draw", action="store_true", help="only write tables and charts of the results there are")
    parser.add_argument("--into", type=Path, default=FOLDER, help="where results go")
    return parser.parse_args()


if __name__ == "__main__":
    main()
