"""Session lookups and logins without HTTP on PostgreSQL: how many a second, and the CPU of each.

`python -m tests.benchmarks.lookups`. Beside them, asyncpg's pool, and statements prepared by hand on ten connections
and a free list.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import asyncpg

from models.database import Database
from models.logins import sign_in
from models.migrate import migrate
from models.sessions import _FIND_ONE, SessionLookup
from tests.databases import new_postgres_url, postgres
from tests.models.rows import NOON, a_login

SESSIONS = 2000
_SECONDS = 2.0


async def measured(name: str, in_flight: int, one: Callable[[int], Awaitable[Any]]) -> None:
    """Prints what `in_flight` loops reach that each await `one` again and again."""
    done, until = 0, time.perf_counter() + _SECONDS

    async def loop(number: int) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await one(number + done)
            done += 1

    cpu, start = time.process_time(), time.perf_counter()
    await asyncio.gather(*[loop(number) for number in range(in_flight)])
    cpu, seconds = time.process_time() - cpu, time.perf_counter() - start
    print(f"{name:24} {in_flight:4} in flight  {done / seconds:8.0f}/s  {1e6 * cpu / done:6.1f} us")  # noqa: T201


async def by_hand(url: str) -> Callable[[int], Awaitable[Any]]:
    """A lookup as one would write it by hand."""
    free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
    for _ in range(10):
        free.put_nowait(await (await asyncpg.connect(url)).prepare(_FIND_ONE))

    async def one(number: int) -> Any:
        statement = await free.get()
        try:
            return await statement.fetch(f"token-{number % SESSIONS}")
        finally:
            free.put_nowait(statement)

    return one


async def main(url: str) -> None:
    """Measures all."""
    await migrate(url)
    async with Database(url) as database:
        for number in range(SESSIONS):
            await sign_in(database, a_login(number, openid=f"openid-{number}"))
        lookup, hand = SessionLookup(database), await by_hand(url)
        pool = await asyncpg.create_pool(url)
        for _ in range(2):
            for in_flight in (1, 64, 512):
                await measured("lookup, by hand", in_flight, hand)
                await measured(
                    "lookup, asyncpg's pool", in_flight, lambda n: pool.fetch(_FIND_ONE, f"token-{n % SESSIONS}")
                )
                await measured(
                    "lookup", in_flight, lambda n: lookup.find(f"token-{n % SESSIONS}", now=NOON, seen_after=0)
                )
        numbers = iter(range(10**6, 10**9))

        def login(openid: str) -> Awaitable[Any]:
            number = next(numbers)
            new = a_login(number, openid=openid, keep=3, now=NOON + number)
            return sign_in(database, replace(new, user_id=f"u{number}"))

        for in_flight in (1, 64):
            await measured("login, returning", in_flight, lambda n: login(f"openid-{n % SESSIONS}"))
            await measured("login, new", in_flight, lambda _n: login(f"new-{next(numbers)}"))


if __name__ == "__main__":
    try:
        import uvloop

        run: Callable[[Any], Any] = uvloop.run
    except ImportError:
        run = asyncio.run
    with postgres() as directory:
        run(main(new_postgres_url(directory)))
