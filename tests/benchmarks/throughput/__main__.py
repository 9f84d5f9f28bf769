"""Measures wxgate beside h, the fastest `me` that can be written by hand on its stack, and beside its rivals on Node.

python -m tests.benchmarks.throughput [--quick] [--databases postgres] [--in-flight 64] [--peers mercurius apollo]
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.benchmarks.databases import DATABASES
from tests.benchmarks.throughput import servers
from tests.benchmarks.throughput.databases import open_databases
from tests.benchmarks.throughput.measurements import STARTS, Measurements
from tests.benchmarks.throughput.results import HEAD, Row, as_json, markdown
from tests.benchmarks.throughput.servers import NODE, PEERS

PARTS: Final = ("me", "login", "submitUserInfo", "workers", "memory", "start")


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; `--quick` replaces defaults only."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="one short round, 1,000 sessions, no workers: under three minutes")
    add("--databases", nargs="+", choices=DATABASES, default=DATABASES, help="where the data is")
    add("--sessions", nargs="+", type=int, default=[1_000, 100_000, 1_000_000], help="how many there are")
    add("--in-flight", nargs="+", type=int, default=[1, 64, 512], help="connections with one request each")
    add("--peers", nargs="*", choices=PEERS, default=(), help="servers on Node to compare with on PostgreSQL")
    add("--parts", nargs="+", choices=PARTS, default=PARTS, help="what is measured")
    add("--rounds", type=int, default=3, help="how often each server is measured; the median counts")
    add("--seconds", type=int, default=3, help="how long each time")
    add("--requests", type=int, default=100_000, help="of the part memory")
    add("--python", default=sys.executable, help="whose wxgate memory and start measure: one of a plain install")
    add("--keep", type=Path, help="directory that keeps the seeded databases for the next run")
    add("--json", type=Path, help="file for every figure, one object a line")
    if "--quick" in (sys.argv[1:] if words is None else words):
        parts = [part for part in PARTS if part != "workers"]
        parser.set_defaults(sessions=[1_000], parts=parts, rounds=1, seconds=1, requests=20_000)
    return parser.parse_args(words)


def main() -> None:
    """Prints each line of the table as soon as it is measured."""
    arguments = parse()
    missing = [name for name in ("wrk", *(("node", "npm") if arguments.peers else ())) if shutil.which(name) is None]
    if missing:
        sys.exit(f"This needs {' and '.join(missing)} on the PATH; Debian's packages are wrk, nodejs and npm.")
    if not servers.SERVER_CORE:
        sys.exit("This needs two cores: one for the server, one for the load and the database.")
    if arguments.peers and not (NODE / "node_modules").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=NODE, check=True, stdout=sys.stderr)
    _print(HEAD)
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="wxgate-benchmark-") as scratch, _directory(arguments.keep) as kept:
        for row in _rows(arguments, kept, Path(scratch), notes):
            _print(markdown(row))
            if arguments.json:
                with arguments.json.open("a", encoding="utf-8") as file:
                    file.write(f"{as_json(row)}\n")
    for note in notes:
        _print(f"\n{note}")


@contextmanager
def _directory(kept: Path | None) -> Iterator[Path]:
    if kept is None:
        with tempfile.TemporaryDirectory(prefix="wxgate-data-") as name:
            yield Path(name)
    else:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.absolute()


def _rows(arguments: argparse.Namespace, kept: Path, scratch: Path, notes: list[str]) -> Iterator[Row]:
    """A cross, not a square: what varies is the sessions or the requests in flight; the other has its middle value."""
    for kind in arguments.databases:
        with servers.on(servers.LOAD_CORE), open_databases(kind, kept) as databases:
            for sessions in arguments.sessions:
                url, users = databases.seeded(sessions)
                measurements = Measurements(
                    kind,
                    url,
                    users,
                    sessions=sessions,
                    directory=scratch,
                    rounds=arguments.rounds,
                    seconds=arguments.seconds,
                    python=arguments.python,
                )
                usual = sessions == _middle(arguments.sessions)
                yield from _me(arguments, measurements, kind, usual=usual)
                if usual:
                    yield from _others(arguments, measurements, kind)
                    if kind == arguments.databases[0]:
                        _note(arguments, measurements, notes)


def _me(arguments: argparse.Namespace, measurements: Measurements, kind: str, *, usual: bool) -> Iterator[Row]:
    if "me" in arguments.parts:
        everything = usual and kind == "postgres"
        yield from measurements.me(
            arguments.in_flight if everything else [_middle(arguments.in_flight)],
            peers=arguments.peers if everything else (),
            uvicorn_alone=usual,
        )


def _others(arguments: argparse.Namespace, measurements: Measurements, kind: str) -> Iterator[Row]:
    in_flight = _middle(arguments.in_flight)
    if "login" in arguments.parts:
        # The most on SQLite: there all wait for one file.
        most = [max(arguments.in_flight)] if kind == "sqlite" else []
        yield from measurements.login(sorted({in_flight, *most}))
    if "submitUserInfo" in arguments.parts:
        yield from measurements.submit_user_info(in_flight)
    if "workers" in arguments.parts:
        yield from measurements.workers(in_flight)


def _note(arguments: argparse.Namespace, measurements: Measurements, notes: list[str]) -> None:
    if "memory" in arguments.parts:
        points = measurements.memory(_middle(arguments.in_flight), arguments.requests)
        after = ", ".join(f"{mebibytes:.1f} after {count:,}" for count, mebibytes in points)
        notes.append(f"MiB of memory by requests of `me`: {after}.")
    if "start" in arguments.parts:
        notes.append(f"{measurements.start():.2f} s to the first response, the median of {STARTS} starts.")


def _middle(numbers: Sequence[int]) -> int:
    return sorted(numbers)[len(numbers) // 2]


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
