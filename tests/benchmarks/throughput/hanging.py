"""What a WeChat that does not answer does to those who only want to be told who they are."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.throughput import servers, traffic
from tests.benchmarks.throughput.figures import Figures
from tests.benchmarks.throughput.load import Load, drive
from tests.benchmarks.throughput.script import lines
from tests.benchmarks.throughput.seed import Seeded

LOGINS: Final = 1_000
# Longer than the server waits for WeChat.
_NEVER_MS: Final = 60_000
# Seconds until all of them hang, and until none does any more.
_TO_HANG: Final = 2
_TO_END: Final = 7


def measure(
    url: str, people: Sequence[Seeded], *, directory: Path, connections: int, rounds: int, seconds: int
) -> dict[str, Figures]:
    """`me` while nothing else happens and while 1,000 people try to sign in, of whom as many hang as may, in turns."""
    of_me, of_logins = directory / "me", directory / "logins"
    of_me.write_text(lines(traffic.me(people)), "utf-8")
    load = Load(of_me, connections, seconds)
    runs: dict[str, list[Figures]] = {"calm": [], f"{LOGINS:,} logins hang": []}
    with (
        servers.wechat(directory / "wechat.log") as wechat_url,
        servers.wxgate(url, directory / "wxgate.log", wechat_url=wechat_url) as server,
    ):
        drive(server.url, server.pid, Load(of_me, connections, 1))
        for _ in range(rounds):
            runs["calm"].append(drive(server.url, server.pid, load))
            of_logins.write_text(lines(traffic.login(20 * LOGINS, wechat_ms=_NEVER_MS)), "utf-8")
            patient = [sys.executable, "-m", "tests.benchmarks.throughput.patient", server.url, str(of_logins)]
            with subprocess.Popen([*patient, str(LOGINS), str(_TO_HANG + seconds + 1)]):
                time.sleep(_TO_HANG)
                runs[f"{LOGINS:,} logins hang"].append(drive(server.url, server.pid, load))
            time.sleep(_TO_END)
    return {name: Figures.median(figures) for name, figures in runs.items()}
