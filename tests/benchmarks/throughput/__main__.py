"""Measures wxgate beside h, the natural limit of its stack, and beside its rivals on Node.

python -m tests.benchmarks.throughput [--databases postgres] [--sessions 100000] [--parts me] [--node]
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.throughput import cores, hanging, soak, start
from tests.benchmarks.throughput.figures import Row, compared
from tests.benchmarks.throughput.kept_databases import KeptDatabases, opened
from tests.benchmarks.throughput.loads import Loads
from tests.benchmarks.throughput.plan import Plan
from tests.benchmarks.throughput.seed import Seeded
from tests.benchmarks.throughput.servers import NODE, PEERS
from tests.benchmarks.throughput.table import markdown, rows_as_json, rows_as_markdown


def main() -> None:
    """Measures, and prints tables."""
    plan = Plan.parse(description=(__doc__ or "").partition("\n")[0])
    missing = [program for program in plan.programs if shutil.which(program) is None]
    if missing:
        sys.exit(f"This needs {' and '.join(missing)} on the PATH; Debian's packages are wrk, nodejs and npm.")
    if not cores.SERVER:
        sys.exit("This needs two cores: one for the server, one for the load and the database.")
    if plan.node and not (NODE / "node_modules").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=NODE, check=True, stdout=sys.stderr)
    rows: list[Row] = []
    with _directory(plan.keep) as kept, tempfile.TemporaryDirectory(prefix="wxgate-load-") as scratch:
        for kind in plan.databases:
            with cores.on(cores.LOAD), opened(kind, kept) as databases:
                for row in _loads(plan, kind, databases, Path(scratch)):
                    _say(row)
                    rows.append(row)
                if kind == plan.databases[0]:
                    url, people = databases.seeded(plan.usual_sessions)
                    rows.extend(_hanging(plan, kind, url, people, Path(scratch)))
                    _print_soak(plan, url, people, Path(scratch))
                    _print_start(plan, url, Path(scratch))
    _tell(rows_as_markdown(rows))
    if plan.json:
        plan.json.write_text(rows_as_json(rows) + "\n", "utf-8")
    else:
        _tell(rows_as_json(rows))


@contextmanager
def _directory(kept: Path | None) -> Iterator[Path]:
    if kept is None:
        with tempfile.TemporaryDirectory(prefix="wxgate-data-") as name:
            yield Path(name)
    else:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.absolute()


def _loads(plan: Plan, kind: str, databases: KeptDatabases, scratch: Path) -> Iterator[Row]:
    for sessions in plan.sessions:
        url, people = databases.seeded(sessions)
        loads = Loads(kind, sessions, url, people, directory=scratch, rounds=plan.rounds, seconds=plan.seconds)
        usual = sessions == plan.usual_sessions
        first = kind == plan.databases[0]
        if "me" in plan.parts:
            peers = PEERS if plan.node and usual and kind == "postgres" else ()
            yield from loads.me(plan.connections_at(sessions), alone=usual and first, peers=peers)
        if "submitUserInfo" in plan.parts and usual:
            yield from loads.submit_user_info(plan.connections)
        if "login" in plan.parts and usual:
            yield from loads.login(plan.connections)
        if "workers" in plan.parts and usual:
            yield from loads.workers(plan.connections)


def _hanging(plan: Plan, kind: str, url: str, people: Sequence[Seeded], scratch: Path) -> list[Row]:
    if "hanging" not in plan.parts:
        return []
    measured = hanging.measure(
        url,
        people,
        directory=scratch,
        connections=plan.usual_connections,
        rounds=plan.rounds,
        seconds=plan.seconds,
    )
    place = (kind, plan.usual_sessions, plan.usual_connections)
    rows = [Row("me, WeChat hangs", *place, name, figures) for name, figures in measured.items()]
    return compared(rows, "calm")


def _print_soak(plan: Plan, url: str, people: Sequence[Seeded], scratch: Path) -> None:
    if "soak" in plan.parts:
        points = soak.measure(url, people, directory=scratch, requests=plan.soak, python=plan.python)
        _tell(markdown(["requests so far", "RSS MiB"], [[f"{count:,}", f"{rss:.1f}"] for count, rss in points]))


def _print_start(plan: Plan, url: str, scratch: Path) -> None:
    if "start" in plan.parts:
        seconds = start.measure(url, directory=scratch, python=plan.python)
        _tell(f"{seconds:.2f} s to the first answer, the median of {start.STARTS} starts.")


def _tell(text: str) -> None:
    print(f"{text}\n", flush=True)  # noqa: T201


def _say(row: Row) -> None:
    """What is known already goes beside the tables: a whole run takes a while."""
    against = "" if row.against is None else f", {row.against:.2f} x {row.reference}"
    place = f"{row.database}, {row.sessions:,} sessions, {row.connections} connections"
    figures = row.figures
    told = (
        f"{figures.rate:,.0f}/s{against}, p50 {figures.p50:.2f}, p99 {figures.p99:.2f} ms, {figures.cpu:.0f} us of CPU"
    )
    print(f"{row.operation}, {place}: {row.server} {told}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
