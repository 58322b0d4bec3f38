"""Two server processes with Redis between them, on one core: what crossing from one to the other costs."""

from benchmarks.peers.shared import StockTwoProcesses, TwoProcesses
from benchmarks.workloads.fanout import FanOut


class Processes(FanOut):
    name = "processes"
    title = "One agent, 500 viewers, on two processes across Redis"
    peers = (TwoProcesses, StockTwoProcesses)
