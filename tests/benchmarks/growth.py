"""How many bytes a row takes in each table and each index: the figures of `examples/deploy/growth.md`.

python -m tests.benchmarks.growth [--database postgres] [--people 1000000]
"""

import argparse
import asyncio
import base64
import contextlib
import random
import secrets
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from graph.composition import epoch_ms
from graph.security.tokens import SessionToken, opaque_id
from models.accounts import Account
from models.database import Database
from models.migrate import migrate
from models.sessions import Session
from models.transactions import Row
from models.users import User
from tests.databases import new_postgres_url, postgres
from tests.server import APP_ID

BATCH: Final = 2_000
WEEK_MS: Final = 7 * 86_400_000
# Indexes beside their tables; what belongs to no person is left out.
_POSTGRES_SIZES: Final = """
SELECT t.relname AS table_name, i.relname AS index_name, pg_relation_size(coalesce(i.oid, t.oid)) AS bytes
FROM pg_class t LEFT JOIN LATERAL (
  SELECT oid, relname FROM pg_class WHERE oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = t.oid)
  UNION ALL SELECT NULL, '') i ON true
WHERE t.relname IN ('users', 'accounts', 'sessions') ORDER BY 1, 2"""
_SQLITE_SIZES: Final = """
SELECT tbl_name AS table_name, CASE type WHEN 'index' THEN m.name ELSE '' END AS index_name, sum(d.pgsize) AS bytes
FROM dbstat d JOIN sqlite_master m ON m.name = d.name
WHERE tbl_name IN ('users', 'accounts', 'sessions') GROUP BY 1, 2 ORDER BY 1, 2"""


def _text(size: int) -> str:
    """As many random characters as WeChat's ids and addresses, and sealed keys, have."""
    return base64.urlsafe_b64encode(secrets.token_bytes(size)).decode()[:size]


async def fill(database: Database, people: int) -> None:
    """So many people who have submitted their user info, each with one session and both session_keys."""
    now, chance = epoch_ms(), random.Random(0)  # noqa: S311 - nothing secret
    for first in range(0, people, BATCH):
        places = range(first + 1, min(first + BATCH, people) + 1)
        users = [_user(place, now) for place in places]
        await User.bulk_create(users)
        await Account.bulk_create([_account(place, user, now) for place, user in zip(places, users, strict=True)])
        await Session.bulk_create(
            Session(
                token_hash=SessionToken.issue().hash(),
                user_id=user.id,
                account_id=place,
                created_at=now,
                last_seen_at=now,
                expires_at=now + WEEK_MS + chance.randrange(WEEK_MS),
            )
            for place, user in zip(places, users, strict=True)
        )


def _user(place: int, now: int) -> User:
    return User(
        id=opaque_id(),
        nick_name=f"微信用户{place % 1000}",
        avatar_url=f"https://thirdwx.qlogo.cn/mmopen/vi_32/{_text(80)}/132",
        gender=place % 3,
        city="Shenzhen",
        province="Guangdong",
        country="China",
        language="zh_CN",
        created_at=now,
        updated_at=now,
    )


def _account(place: int, user: User, now: int) -> Account:
    return Account(
        id=place,
        user_id=user.id,
        app_id=APP_ID,
        openid=f"o{_text(27)}",
        unionid=f"o{_text(27)}",
        session_key=f"v1.k1.{_text(70)}",
        session_key_fingerprint=_text(22),
        session_key_at=now,
        previous_session_key=f"v1.k1.{_text(70)}",
        previous_session_key_asked_at=now,
        previous_session_key_at=now,
        created_at=now,
        updated_at=now,
    )


async def measure(url: str, people: int) -> Sequence[Row]:
    """Fills a new database; the bytes of each table and index then."""
    await migrate(url)
    async with Database(url) as database:
        await fill(database, people)
        if database.dialect == "postgres":
            return await database.fetch(_POSTGRES_SIZES)
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite://"))) as file:
        file.row_factory = sqlite3.Row
        return [dict(row) for row in file.execute(_SQLITE_SIZES)]


@contextlib.contextmanager
def _new_database(kind: str) -> Iterator[str]:
    if kind == "postgres":
        with postgres() as socket_directory:
            yield new_postgres_url(socket_directory)
    else:
        with tempfile.TemporaryDirectory() as directory:
            yield f"sqlite://{Path(directory)}/wxgate.db"


def main() -> None:
    """Fills, measures, prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--people", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with _new_database(arguments.database) as url:
        rows = asyncio.run(measure(url, arguments.people))
    for row in rows:
        print(f"| {row['table_name']} | {row['index_name']} | {row['bytes'] / arguments.people:.1f} |")  # noqa: T201
    print(f"| together | | {sum(row['bytes'] for row in rows) / arguments.people:.1f} |")  # noqa: T201


if __name__ == "__main__":
    main()
