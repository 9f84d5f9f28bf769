"""Fills a database with signed-in people: in the project's own tables, tokens and seals, as fast as it takes rows."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tortoise.connection import get_connections
from tortoise.models import Model

from graph.accounts.encryption_keys import session_key_context
from graph.composition import epoch_ms
from graph.security.encryption import KeyRing
from graph.security.tokens import SessionToken, opaque_id
from models.accounts import Account
from models.database import Database
from models.migrate import migrate
from models.sessions import Session
from models.url import ALIAS
from models.users import User
from tests.benchmarks.throughput.wechat import PASSING
from tests.server import APP_ID, ENCRYPTION_KEYS
from tests.wechat.submissions import b64

BATCH: Final = 10_000
KNOWN: Final = 5_000
_DAY_MS: Final = 86_400_000

_USER: Final = (
    *("id", "nick_name", "avatar_url", "gender", "city", "province", "country", "language", "created_at", "updated_at"),
)
_ACCOUNT: Final = (
    *("id", "user_id", "app_id", "openid", "session_key", "session_key_fingerprint", "session_key_at"),
    *("created_at", "updated_at"),
)
_SESSION: Final = ("token_hash", "user_id", "account_id", "created_at", "last_seen_at", "expires_at")
_FORGET: Final = "DELETE FROM users WHERE id IN (SELECT user_id FROM accounts WHERE openid >= $1 AND openid < $2)"


@dataclass(frozen=True, slots=True)
class Seeded:
    """Somebody whose requests can be made."""

    place: int
    token: str

    @property
    def openid(self) -> str:
        """WeChat's id of them."""
        return f"o{self.place:027}"

    @property
    def nick_name(self) -> str:
        """Their name."""
        return f"人{self.place}"

    @property
    def session_key(self) -> bytes:
        """What WeChat signs and encrypts their submissions with."""
        return hashlib.sha256(self.openid.encode()).digest()[:16]


async def seed(url: str, sessions: int) -> list[Seeded]:
    """Migrates an empty database and gives it people with one session each; up to 5,000 of them, in no order."""
    await migrate(url)
    chance = random.Random(0)  # noqa: S311 - who is asked for, nothing secret
    known = set(chance.sample(range(1, sessions + 1), min(KNOWN, sessions)))
    ring, now = KeyRing.parse(ENCRYPTION_KEYS), epoch_ms()
    somebody = _sealed(ring, Seeded(0, ""))
    kept: list[Seeded] = []
    async with Database(url) as database:
        for first in range(1, sessions + 1, BATCH):
            users, accounts, signed_in = [], [], []
            for place in range(first, min(first + BATCH, sessions + 1)):
                token, user_id = SessionToken.issue(), opaque_id()
                person = Seeded(place, token.get_secret_value())
                # A seal costs more than a row: those whom nobody asks for share one that would not open.
                sealed = _sealed(ring, person) if place in known else somebody
                users.append(_user(user_id, person, now))
                accounts.append((place, user_id, APP_ID, person.openid, *sealed, now, now, now))
                signed_in.append((token.hash(), user_id, place, now, now, now + 30 * _DAY_MS))
                if place in known:
                    kept.append(person)
            await _insert(database, User, _USER, users)
            await _insert(database, Account, _ACCOUNT, accounts)
            await _insert(database, Session, _SESSION, signed_in)
        if database.dialect == "postgres":
            # The ids were given from outside of their sequence.
            await database.fetch("SELECT setval(pg_get_serial_sequence('accounts', 'id'), $1)", sessions)
            await database.execute("ANALYZE")
    chance.shuffle(kept)
    return kept


async def forget_passers_by(url: str) -> None:
    """Takes those away who signed in while an earlier run measured logins."""
    async with Database(url) as database:
        await database.execute(_FORGET, PASSING, f"{PASSING}a")


def _sealed(ring: KeyRing, person: Seeded) -> tuple[str, str]:
    place, session_key = session_key_context(APP_ID, person.openid), b64(person.session_key).encode()
    return ring.seal(session_key, place), ring.fingerprint(session_key, place)


def _user(user_id: str, person: Seeded, now: int) -> tuple[Any, ...]:
    avatar_url = f"https://thirdwx.qlogo.cn/mmopen/vi_32/{person.place}/132"
    place = ("Shenzhen", "Guangdong", "China", "zh_CN")
    return (user_id, person.nick_name, avatar_url, person.place % 3, *place, now, now)


async def _insert(database: Database, model: type[Model], columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    table, client = model._meta.db_table, get_connections().get(ALIAS)
    if database.dialect == "postgres":
        async with client.acquire_connection() as connection:
            await connection.copy_records_to_table(table, records=rows, columns=columns)
    else:
        marks = ", ".join("?" * len(columns))
        insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - names of the models
        await client.execute_many(insert, [list(row) for row in rows])
