"""The workloads, in the order they are run and shown."""

from benchmarks.workloads.base import Workload
from benchmarks.workloads.fanout import FanOut
from benchmarks.workloads.many import Many
from benchmarks.workloads.search import Search

QUICK: tuple[type[Workload], ...] = (FanOut, Many)
ALL: tuple[type[Workload], ...] = (FanOut, Search, Many)
