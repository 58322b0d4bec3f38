"""The workloads, in the order they are run and shown."""

from benchmarks.workloads.base import Workload
from benchmarks.workloads.connect import Connect, Memory
from benchmarks.workloads.fanout import FanOut
from benchmarks.workloads.many import Many
from benchmarks.workloads.processes import Processes
from benchmarks.workloads.publish import Publish
from benchmarks.workloads.requests import Requests
from benchmarks.workloads.resume import Resume
from benchmarks.workloads.search import Search

QUICK: tuple[type[Workload], ...] = (FanOut, Many)
ALL: tuple[type[Workload], ...] = (FanOut, Search, Many, Publish, Requests, Connect, Memory, Resume, Processes)
