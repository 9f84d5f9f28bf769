"""How many bytes a row takes in each table and each index: the figures of `examples/deploy/growth.md`.

python -m tests.benchmarks.growth [--database postgres] [--users 1000000]
"""

import argparse
import asyncio
import base64
import contextlib
import random
import secrets
import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from graph.accounts.sessions import epoch_ms
from graph.security.tokens import SessionToken, opaque_id
from models.accounts import Account
from models.audit_log import AuditAction, AuditEntry
from models.database import Database, Row
from models.devices import Platform
from models.migrate import migrate
from models.phone_owners import PhoneOwner
from models.phones import Phone, PhoneSource
from models.pictures import Picture, PictureState
from models.sessions import Session
from models.unionids import Unionid
from models.users import User
from tests.benchmarks.databases import DATABASES, new_database
from tests.server import APP_ID

BATCH: Final = 2_000
WEEK_MS: Final = 7 * 86_400_000
# Indexes beside their tables; what belongs to no user is left out.
_POSTGRES_SIZES: Final = """
SELECT t.relname AS table_name, i.relname AS index_name, pg_relation_size(coalesce(i.oid, t.oid)) AS bytes
FROM pg_class t LEFT JOIN LATERAL (
  SELECT oid, relname FROM pg_class WHERE oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = t.oid)
  UNION ALL SELECT NULL, '') i ON true
WHERE t.relname IN ('users', 'accounts', 'unionids', 'sessions', 'audit_log', 'phones', 'phone_owners', 'pictures')
ORDER BY 1, 2"""
_SQLITE_SIZES: Final = """
SELECT tbl_name AS table_name, CASE type WHEN 'index' THEN m.name ELSE '' END AS index_name, sum(d.pgsize) AS bytes
FROM dbstat d JOIN sqlite_master m ON m.name = d.name
WHERE tbl_name IN ('users', 'accounts', 'unionids', 'sessions', 'audit_log', 'phones', 'phone_owners', 'pictures')
GROUP BY 1, 2 ORDER BY 1, 2"""


def _text(size: int) -> str:
    """As many random characters as WeChat's ids and addresses, and sealed keys, have."""
    return base64.urlsafe_b64encode(secrets.token_bytes(size)).decode()[:size]


async def fill(database: Database, count: int) -> None:
    """So many users who have submitted their user info, each audited, with a session, both keys, a phone, a picture."""
    now, chance = epoch_ms(), random.Random(0)  # noqa: S311 - nothing secret
    for first in range(0, count, BATCH):
        numbers = range(first + 1, min(first + BATCH, count) + 1)
        users = [_user(number, now) for number in numbers]
        await User.bulk_create(users)
        accounts = [_account(number, user, now) for number, user in zip(numbers, users, strict=True)]
        await Account.bulk_create(accounts)
        await Unionid.bulk_create(
            Unionid(unionid=account.unionid, user_id=user.id, created_at=now)
            for account, user in zip(accounts, users, strict=True)
        )
        await Session.bulk_create(
            Session(
                token_hash=SessionToken.issue().hash(),
                user_id=user.id,
                account_id=number,
                created_at=now,
                last_seen_at=now,
                expires_at=now + WEEK_MS + chance.randrange(WEEK_MS),
                mac=f"v1.k1.{secrets.token_hex(16)}",
                device="HUAWEI Mate 60",
                platform=Platform.ANDROID,
                wechat_version="8.0.48",
                app_version="37",
            )
            for number, user in zip(numbers, users, strict=True)
        )
        phones = [_phone(user, now) for user in users]
        await Phone.bulk_create(phones)
        await PhoneOwner.bulk_create(
            PhoneOwner(number_index=phone.number_index, user_id=user.id)
            for phone, user in zip(phones, users, strict=True)
        )
        await Picture.bulk_create(_picture(user, now) for user in users)
        entries = [
            AuditAction.USER_CREATED.entry(now=now, user_id=user.id, app_id=APP_ID, session=opaque_id())
            for user in users
        ]
        await AuditEntry.bulk_create(AuditEntry(**{**asdict(entry), "detail": "{}"}) for entry in entries)


def _user(number: int, now: int) -> User:
    return User(
        id=opaque_id(),
        nick_name=f"微信用户{number % 1000}",
        avatar_url=f"https://thirdwx.qlogo.cn/mmopen/vi_32/{_text(80)}/132",
        gender=number % 3,
        city="Shenzhen",
        province="Guangdong",
        country="China",
        language="zh_CN",
        created_at=now,
        updated_at=now,
    )


def _account(number: int, user: User, now: int) -> Account:
    return Account(
        id=number,
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


def _phone(user: User, now: int) -> Phone:
    return Phone(
        user_id=user.id,
        number=f"v1.k1.{_text(56)}",
        number_index=f"k1.{_text(22)}",
        country_code="86",
        app_id=APP_ID,
        source=PhoneSource.CODE,
        code_hash=_text(43),
        verified_at=now,
        created_at=now,
        updated_at=now,
    )


def _picture(user: User, now: int) -> Picture:
    picture_id = opaque_id()
    name = f"{picture_id}.jpg"
    return Picture(
        id=picture_id,
        user_id=user.id,
        app_id=APP_ID,
        name=name,
        url=f"https://api.example.com/avatars/{name}",
        state=PictureState.SHOWN,
        trace_id=_text(35),
        label=100,
        tries=10,
        checked_at=now,
        due_at=None,
        created_at=now,
    )


async def measure(url: str, count: int) -> Sequence[Row]:
    """Fills a new database; the bytes of each table and index then."""
    await migrate(url)
    async with Database(url) as database:
        await fill(database, count)
        if database.dialect == "postgres":
            return await database.fetch(_POSTGRES_SIZES)
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite://"))) as file:
        file.row_factory = sqlite3.Row
        return [dict(row) for row in file.execute(_SQLITE_SIZES)]


def main() -> None:
    """Fills, measures, prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--database", choices=DATABASES, default="postgres")
    parser.add_argument("--users", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, new_database(arguments.database, Path(directory)) as url:
        rows = asyncio.run(measure(url, arguments.users))
    for row in rows:
        print(f"| {row['table_name']} | {row['index_name']} | {row['bytes'] / arguments.users:.1f} |")  # noqa: T201
    print(f"| together | | {sum(row['bytes'] for row in rows) / arguments.users:.1f} |")  # noqa: T201


if __name__ == "__main__":
    main()
