"""Drives `wrk` at a server, and reads what the server used meanwhile."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
# A thread of wrk takes any of the tokens for each request; the report at the end is one line of JSON.
_SCRIPT: Final = """
local body = [==[%s]==]
local tokens = {}
for line in io.lines("%s") do tokens[#tokens + 1] = line end
function request()
  local token = tokens[math.random(#tokens)]
  local headers = {["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. token}
  return wrk.format("POST", "/graphql", headers, body)
end
function done(summary, latency, requests)
  io.write(string.format('{"requests":%%d,"us":%%d,"status":%%d,"socket":%%d,"p50":%%f,"p99":%%f}\\n', summary.requests,
    summary.duration, summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """One run against one server. Latencies in milliseconds, CPU in microseconds a request, memory in MiB."""

    rate: float
    p50: float
    p99: float
    cpu: float
    rss: float
    failed: int


def drive(url: str, pid: int, *, body: bytes, tokens: Path, connections: int, seconds: int) -> Figures:
    """Requests with random tokens over so many connections for so long."""
    script = tokens.with_suffix(".lua")
    script.write_text(_SCRIPT % (body.decode(), tokens), "utf-8")
    before = _cpu_seconds(pid)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script), url]
    printed = subprocess.run([*_pinned_to("0"), *command], capture_output=True, text=True, check=True).stdout
    used = _cpu_seconds(pid) - before
    summary = json.loads(printed.splitlines()[-1])
    return Figures(
        rate=summary["requests"] / (summary["us"] / 1e6),
        p50=summary["p50"] / 1000,
        p99=summary["p99"] / 1000,
        cpu=1e6 * used / max(1, summary["requests"]),
        rss=_rss(pid),
        failed=summary["status"] + summary["socket"],
    )


def _pinned_to(cores: str) -> list[str]:
    return ["taskset", "-c", cores]


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _rss(pid: int) -> float:
    [kilobytes] = re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text("utf-8"))
    return int(kilobytes) / 1024
