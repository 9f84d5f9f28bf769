"""Processes that migrate one database and begin together."""

import os
import subprocess
import sys
from typing import Final

# Says that it is ready, waits for a line, so that all begin at once, then migrates and prints what it applied.
MIGRATE: Final = """
import asyncio, os, sys
from models.migrate import migrate
print("ready", flush=True)
sys.stdin.readline()
print(asyncio.run(migrate(os.environ["WXGATE_DATABASE_URL"])))
"""


def run_migrations(url: str, *, processes: int) -> list[str]:
    """What each of some processes that begin together says it applied."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE],
            env={**os.environ, "WXGATE_DATABASE_URL": url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(processes)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return [process.communicate(timeout=60)[0].strip() for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
