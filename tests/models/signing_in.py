"""Processes that sign users in to one database, all at the same moment."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

# Prints that it is ready; then, for each line, signs in what it lists at once and prints the users' ids.
_SIGN_IN: Final = """
import asyncio, json, os, sys
from models.database import Database
from models.logins import sign_in
from tests.models.rows import a_login

async def main():
    async with Database(os.environ["WXGATE_DATABASE_URL"]) as database:
        await database.ping()
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            logins = [a_login(**login) for login in json.loads(line)]
            records = await asyncio.gather(*[sign_in(database, login) for login in logins])
            print(json.dumps([record.user.id for record in records]), flush=True)

asyncio.run(main())
"""


@dataclass(frozen=True)
class SigningIn:
    """Some processes, each with its own connections."""

    processes: Sequence["subprocess.Popen[str]"]

    def sign_in(self, *logins: Sequence[Mapping[str, Any]]) -> list[str]:
        """The users of all logins, of which each process stores its share; a login is arguments of `a_login`."""
        for process, share in zip(self.processes, logins, strict=True):
            assert process.stdin is not None
            process.stdin.write(f"{json.dumps(share)}\n")
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.flush()
        return [user_id for process in self.processes for user_id in json.loads(_line(process))]


@contextmanager
def signing_in(url: str, *, processes: int) -> Iterator[SigningIn]:
    """They run until the block ends."""
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _SIGN_IN],
                    env={**os.environ, "WXGATE_DATABASE_URL": url},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(processes)
        ]
        for process in started:
            stack.callback(process.kill)
        for process in started:
            assert _line(process) == "ready\n"
        yield SigningIn(started)


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()
