"""PostgreSQL leaves for a while under load and comes back: everybody is told what to do, nobody is forgotten."""

import asyncio
import time
from pathlib import Path

import pytest

from graph.simulator.serving import WeChatSimulator
from models.migrate import migrate
from tests.databases import new_postgres_url
from tests.faults.outage import watch
from tests.faults.postgres_server import OwnPostgres
from tests.processes import serve_environment, serve_process
from tests.secret_patterns import secrets_in

# Seconds. `tests/benchmarks/outage.py` has the ten seconds, and the figures.
# Longer than both tries of a statement that times out, and of the question after it whether the database is away.
AWAY = 6.0
CALM = 1.0


@pytest.mark.parametrize("fault", ["stopped", "frozen"])
def test_while_the_database_is_away_every_error_has_a_code_and_it_recovers(
    fault: str, postgres_of_own: OwnPostgres, wechat_simulator: WeChatSimulator, tmp_path: Path
) -> None:
    url = new_postgres_url(postgres_of_own.directory)
    asyncio.run(migrate(url))
    leave, come_back = {
        "stopped": (postgres_of_own.stop, postgres_of_own.start),
        "frozen": (postgres_of_own.freeze, postgres_of_own.thaw),
    }[fault]
    environment = serve_environment(wechat_simulator, f"{url}&timeout=1&command_timeout=1")
    with serve_process(environment, tmp_path / "output") as server:
        outage = asyncio.run(
            watch(
                server,
                wechat_simulator,
                leave=leave,
                come_back=come_back,
                seconds=AWAY,
                calm=CALM,
                database=url,
            )
        )
        # By whom looks once a second, perhaps with a question that was frozen.
        until = time.monotonic() + 30
        while "the database answers again" not in (tmp_path / "output").read_text("utf-8") and time.monotonic() < until:
            time.sleep(0.05)
    print(f"{fault}: {outage}")  # noqa: T201 - the figures, for whoever runs it with -s
    codes = outage.codes()
    # No code was spent in vain, nobody was signed out.
    assert codes.keys() <= {"me ok", "me SERVICE_UNAVAILABLE", "login ok", "login SERVICE_UNAVAILABLE"}
    assert codes["me SERVICE_UNAVAILABLE"]
    assert codes["login SERVICE_UNAVAILABLE"]
    assert not all(ready for _, ready in outage.ready)
    last = {answer.operation: answer.code for answer in outage.answers}
    assert last == {"me": None, "login": None}
    assert outage.connections.keys() == {"idle"}
    printed = (tmp_path / "output").read_text("utf-8")
    assert secrets_in(printed) == []
    assert "a resolver failed" not in printed
    assert "a request failed" not in printed
    assert printed.count("the database does not answer") == printed.count("the database answers again") == 1
