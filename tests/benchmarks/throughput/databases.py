"""Seeded databases on PostgreSQL and SQLite: the project's own tables, tokens and seals, kept from run to run."""

import asyncio
import contextlib
import hashlib
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import asyncpg
from tortoise.connection import get_connections
from tortoise.models import Model

from graph.accounts.encryption_keys import session_key_context
from graph.accounts.sessions import epoch_ms
from graph.security.encryption import KeyRing
from graph.security.tokens import SessionMacs, SessionToken, opaque_id
from models.accounts import Account
from models.database import Database
from models.migrate import migrate
from models.sessions import Session
from models.url import ALIAS
from models.users import User
from tests.benchmarks.throughput import servers
from tests.benchmarks.throughput.wechat import OPENID_PREFIX
from tests.databases import postgres_in
from tests.server import APP_ID, ENCRYPTION_KEYS
from tests.wechat.submissions import b64

BATCH: Final = 10_000
KEPT: Final = 5_000
_DAY_MS: Final = 86_400_000
# Sessions end after a week without a request.
_USABLE_SECONDS: Final = 5 * 86_400
# Seeding may take its time where a request may not.
_SEEDING_TIMEOUT: Final = "command_timeout=120"

_USER: Final = (
    *("id", "nick_name", "avatar_url", "gender", "city", "province", "country", "language", "created_at", "updated_at"),
)
_ACCOUNT: Final = (
    *("id", "user_id", "app_id", "openid", "session_key", "session_key_fingerprint", "session_key_at"),
    *("created_at", "updated_at"),
)
_SESSION: Final = ("token_hash", "user_id", "account_id", "created_at", "last_seen_at", "expires_at", "mac")
_DELETE: Final = "DELETE FROM users WHERE id IN (SELECT user_id FROM accounts WHERE openid >= $1 AND openid < $2)"


@dataclass(frozen=True, slots=True)
class SeededUser:
    """A user with a session whose requests can be made."""

    number: int
    token: str

    @property
    def openid(self) -> str:
        return f"o{self.number:027}"

    @property
    def nick_name(self) -> str:
        return f"人{self.number}"

    @property
    def session_key(self) -> bytes:
        """What WeChat signs and encrypts the user's submissions with."""
        return hashlib.sha256(self.openid.encode()).digest()[:16]


@contextlib.contextmanager
def open_databases(kind: str, directory: Path) -> Iterator["SeededDatabases"]:
    """The databases of one kind; PostgreSQL runs until the block ends, as it comes, with every commit on the disk."""
    if kind == "sqlite":
        yield SeededDatabases(directory, None)
    else:
        with servers.on(servers.LOAD_CORE), postgres_in(directory / "postgres") as socket_directory:
            yield SeededDatabases(directory, socket_directory)


class SeededDatabases:
    """One database for each number of sessions."""

    def __init__(self, directory: Path, socket_directory: str | None) -> None:
        self._directory = directory
        self._socket_directory = socket_directory

    def seeded(self, sessions: int) -> tuple[str, list[SeededUser]]:
        """A database's URL and some of its users: as an earlier run left it, or filled now."""
        kind, url = "sqlite", f"sqlite://{self._file(sessions)}"
        seeding_url = url
        if self._socket_directory is not None:
            kind, host = "postgres", quote(self._socket_directory, safe="")
            url = f"postgres://postgres@/sessions{sessions}?host={host}"
            seeding_url = f"{url}&{_SEEDING_TIMEOUT}"
        note = self._directory / f"{kind}-{sessions}.json"
        with servers.on(servers.ALL_CORES):
            if note.exists() and time.time() - note.stat().st_mtime < _USABLE_SECONDS:
                asyncio.run(delete_login_users(seeding_url))
                return url, [SeededUser(**user) for user in json.loads(note.read_text("utf-8"))]
            note.unlink(missing_ok=True)
            self._empty(sessions)
            users = asyncio.run(seed(seeding_url, sessions))
        note.write_text(json.dumps([asdict(user) for user in users]), "utf-8")
        return url, users

    def _file(self, sessions: int) -> Path:
        return self._directory / f"sessions{sessions}.db"

    def _empty(self, sessions: int) -> None:
        if self._socket_directory is None:
            for suffix in ("", "-wal", "-shm", ".lock"):
                Path(f"{self._file(sessions)}{suffix}").unlink(missing_ok=True)
        else:
            asyncio.run(_recreate(self._socket_directory, f"sessions{sessions}"))


async def _recreate(socket_directory: str, database: str) -> None:
    connection = await asyncpg.connect(host=socket_directory, user="postgres", database="postgres")
    await connection.execute(f"DROP DATABASE IF EXISTS {database}")
    await connection.execute(f"CREATE DATABASE {database}")
    await connection.close()


async def seed(url: str, sessions: int) -> list[SeededUser]:
    """Migrates an empty database and gives it users with one session each; up to 5,000 of them, in no order."""
    await migrate(url)
    chance = random.Random(0)  # noqa: S311 - who is asked for, nothing secret
    chosen = set(chance.sample(range(1, sessions + 1), min(KEPT, sessions)))
    ring, now = KeyRing.parse(ENCRYPTION_KEYS), epoch_ms()
    macs, shared_seal = SessionMacs(ring), _sealed(ring, SeededUser(0, ""))
    kept: list[SeededUser] = []
    async with Database(url) as database:
        for first in range(1, sessions + 1, BATCH):
            users, accounts, signed_in = [], [], []
            for number in range(first, min(first + BATCH, sessions + 1)):
                token, user_id = SessionToken.issue(), opaque_id()
                user = SeededUser(number, token.get_secret_value())
                # A seal costs more than a row: those that no request is made for share one that would not open.
                sealed = _sealed(ring, user) if number in chosen else shared_seal
                users.append(_user(user_id, user, now))
                accounts.append((number, user_id, APP_ID, user.openid, *sealed, now, now, now))
                mac = macs.sign(token.hash(), user_id, number, now)
                signed_in.append((token.hash(), user_id, number, now, now, now + 30 * _DAY_MS, mac))
                if number in chosen:
                    kept.append(user)
            await _insert(database, User, _USER, users)
            await _insert(database, Account, _ACCOUNT, accounts)
            await _insert(database, Session, _SESSION, signed_in)
        if database.dialect == "postgres":
            # The ids were given from outside of their sequence.
            await database.fetch("SELECT setval(pg_get_serial_sequence('accounts', 'id'), $1)", sessions)
            await database.fetch("ANALYZE")
    chance.shuffle(kept)
    return kept


async def delete_login_users(url: str) -> None:
    """Deletes the users that an earlier run created while it measured logins."""
    async with Database(url) as database:
        await database.fetch(_DELETE, OPENID_PREFIX, f"{OPENID_PREFIX}a")


def _sealed(ring: KeyRing, user: SeededUser) -> tuple[str, str]:
    context, session_key = session_key_context(APP_ID, user.openid), b64(user.session_key).encode()
    return ring.seal(session_key, context), ring.fingerprint(session_key, context)


def _user(user_id: str, user: SeededUser, now: int) -> tuple[Any, ...]:
    avatar_url = f"https://thirdwx.qlogo.cn/mmopen/vi_32/{user.number}/132"
    place = ("Shenzhen", "Guangdong", "China", "zh_CN")
    return (user_id, user.nick_name, avatar_url, user.number % 3, *place, now, now)


async def _insert(database: Database, model: type[Model], columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    table, client = model._meta.db_table, get_connections().get(ALIAS)
    if database.dialect == "postgres":
        async with client.acquire_connection() as connection:
            await connection.copy_records_to_table(table, records=rows, columns=columns)
    else:
        marks = ", ".join("?" * len(columns))
        insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - names of the models
        await client.execute_many(insert, [list(row) for row in rows])
