"""First logins of one user through several mini-programs at once, in several processes, make one user."""

import asyncio
from typing import Final

import pytest

from models.database import Database
from models.migrate import migrate
from tests.models.rows import column
from tests.models.signing_in import signing_in

pytestmark = pytest.mark.slow

PROCESSES: Final = 3
ROUNDS: Final = 40


def test_six_first_logins_through_three_apps_in_three_processes_make_one_user(database_url: str) -> None:
    asyncio.run(migrate(database_url))
    with signing_in(database_url, processes=PROCESSES) as processes:
        for number in range(ROUNDS):
            shares = [
                [
                    {
                        "number": 1000 * number + 10 * process + place,
                        "app_id": f"wx-{(process + place) % 3}",
                        "openid": f"openid-{number}",
                        "unionid": f"union-{number}",
                    }
                    for place in range(2)
                ]
                for process in range(PROCESSES)
            ]
            assert len(set(processes.sign_in(*shares))) == 1

    async def stored() -> list[list[object]]:
        async with Database(database_url) as database:
            return [await column(database, f"SELECT COUNT(*) FROM {table}") for table in ("users", "accounts")]  # noqa: S608

    assert asyncio.run(stored()) == [[ROUNDS], [3 * ROUNDS]]
