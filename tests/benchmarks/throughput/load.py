"""Drives `wrk` at a server, and reads what the server used meanwhile, its workers with it."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.throughput.figures import Figures
from tests.benchmarks.throughput.script import script

_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Load:
    """Requests from a file (see `script.lines`) over so many connections for so long; a long file is not used up."""

    requests: Path
    connections: int
    seconds: int
    read_answers: bool = False

    def command(self, url: str) -> list[str]:
        """What sends it."""
        instructions = self.requests.with_suffix(".lua")
        instructions.write_text(script(self.requests, read_answers=self.read_answers), "utf-8")
        wrk = ["wrk", "--threads", "1", "--connections", str(self.connections), "--duration", f"{self.seconds}s"]
        return [*wrk, "--timeout", "10s", "--script", str(instructions), url]


def drive(url: str, pid: int, load: Load) -> Figures:
    """What came of a load on the server with this process."""
    before = cpu_seconds(pid)
    printed = subprocess.run(load.command(url), capture_output=True, text=True, check=True).stdout
    return figures(printed, used=cpu_seconds(pid) - before, rss=resident(pid))


def figures(printed: str, *, used: float, rss: float) -> Figures:
    """What `wrk` printed, beside the seconds of CPU that the server used and the MiB that it holds."""
    summary: dict[str, Any] = json.loads(printed.splitlines()[-1])
    answered = summary["requests"]
    return Figures(
        rate=answered / (summary["us"] / 1e6),
        p50=summary["p50"] / 1000,
        p99=summary["p99"] / 1000,
        cpu=1e6 * used / max(1, answered),
        rss=rss,
        failed=summary["status"] + summary["socket"] + summary["refused"],
    )


def cpu_seconds(pid: int) -> float:
    """What a process and its children have used since they began."""
    used = 0
    for process in _family(pid):
        fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / _TICKS


def resident(pid: int) -> float:
    """MiB of memory that a process holds, or the largest of its children."""
    return max(_resident(process) for process in _family(pid))


def _resident(pid: int) -> float:
    [kilobytes] = re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text("utf-8"))
    return int(kilobytes) / 1024


def _family(pid: int) -> list[int]:
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split())]
