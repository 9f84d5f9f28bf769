"""The script that tells `wrk` what to send: every request is formatted before the first is sent."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

# A line of the file is a token, a tab and a body. A request is then one look into a table, for wrk shares its core with
# the database. Reading answers costs wrk more than sending: only those operations ask for it that can fail with 200.
_SCRIPT: Final = """
local file, path, read_answers = [==[{file}]==], [==[{path}]==], {read_answers}
local threads, requests, available, place = {{}}, {{}}, 0, 0
function setup(thread) threads[#threads + 1] = thread end
function init()
  for line in io.lines(file) do
    local token, body = line:match("^([^\\t]*)\\t(.*)$")
    local headers = {{["Content-Type"] = "application/json"}}
    if token ~= "" then headers["Authorization"] = "Bearer " .. token end
    requests[#requests + 1] = wrk.format("POST", path, headers, body)
  end
  available = #requests
end
function request()
  place = place + 1
  if place > available then place = 1 end
  return requests[place]
end
if read_answers then
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


def script(requests: Path, *, read_answers: bool, path: str = "/graphql") -> str:
    """A script for one thread of `wrk`, which ends with one line of JSON."""
    return _SCRIPT.format(file=requests, path=path, read_answers="true" if read_answers else "false")


def lines(requests: Sequence[tuple[str, str]]) -> str:
    """The file of requests: tokens (empty for none) and bodies, which hold no line break."""
    return "".join(f"{token}\t{body}\n" for token, body in requests)
