"""Drives `wrk` at a server, and reads what the server used meanwhile, its workers with it."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.throughput.results import Figures

_TICKS: Final = os.sysconf("SC_CLK_TCK")
# Every request is formatted before the first is sent: one is then one look into a table, for wrk shares its core with
# the database. A line of the file is a token, a tab and a body. Reading responses costs wrk more than sending: only
# those operations ask for it that can fail with 200.
_SCRIPT: Final = """
local file, read_responses = [==[{file}]==], {read_responses}
local threads, requests, available, place = {{}}, {{}}, 0, 0
function setup(thread) threads[#threads + 1] = thread end
function init()
  for line in io.lines(file) do
    local token, body = line:match("^([^\\t]*)\\t(.*)$")
    local headers = {{["Content-Type"] = "application/json"}}
    if token ~= "" then headers["Authorization"] = "Bearer " .. token end
    requests[#requests + 1] = wrk.format("POST", "/graphql", headers, body)
  end
  available = #requests
end
function request()
  place = place + 1
  if place > available then place = 1 end
  return requests[place]
end
if read_responses then
  refusals = 0
  function response(status, headers, body)
    if status == 200 and body:find('"errors"', 1, true) then refusals = refusals + 1 end
  end
end
function done(summary, latency)
  local errors, refused = summary.errors, 0
  for _, thread in ipairs(threads) do refused = refused + (thread:get("refusals") or 0) end
  io.write(string.format(
    '{{"requests":%d,"us":%d,"status":%d,"socket":%d,"refused":%d,"p50":%f,"p99":%f}}\\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    refused, latency:percentile(50), latency:percentile(99)))
end
"""


def write_requests(requests: Sequence[tuple[str, str]], file: Path, *, read_responses: bool = False) -> None:
    """Writes what `drive` sends: tokens (empty for none) and bodies, which hold no line break."""
    file.write_text("".join(f"{token}\t{body}\n" for token, body in requests), "utf-8")
    script = _SCRIPT.format(file=file, read_responses="true" if read_responses else "false")
    file.with_suffix(".lua").write_text(script, "utf-8")


def drive(url: str, pid: int, requests: Path, *, connections: int, seconds: int) -> Figures:
    """What came of a load on the server with this process."""
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    command += ["--timeout", "10s", "--script", str(requests.with_suffix(".lua")), url]
    before = cpu_seconds(pid)
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return figures(printed, used=cpu_seconds(pid) - before, rss=resident(pid))


def figures(printed: str, *, used: float, rss: float) -> Figures:
    """What `wrk` printed, beside the seconds of CPU that the server used and the MiB that it holds."""
    summary: dict[str, Any] = json.loads(printed.splitlines()[-1])
    responses = summary["requests"]
    return Figures(
        rate=responses / (summary["us"] / 1e6),
        p50=summary["p50"] / 1000,
        p99=summary["p99"] / 1000,
        cpu=1e6 * used / max(1, responses),
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
