"""Fills a database with signed-in people, through the project's own models."""

import random
from typing import Final

from graph.app import epoch_ms
from graph.security.tokens import SessionToken, opaque_id
from models.account import Account
from models.database import Database
from models.schema import migrate
from models.session import Session
from models.user import User
from tests.gate import APP_ID

BATCH: Final = 2_000
TOKENS: Final = 5_000


async def seed(url: str, sessions: int) -> list[str]:
    """Migrates an empty database and gives it so many people with one session each; up to 5,000 of their tokens."""
    await migrate(url)
    chance, now = random.Random(0), epoch_ms()  # noqa: S311 - which rows are asked for, nothing secret
    kept: list[str] = []
    async with Database(url) as database:
        for first in range(0, sessions, BATCH):
            size = min(BATCH, sessions - first)
            tokens = [SessionToken.issue() for _ in range(size)]
            users = [_user(first + place, now) for place in range(size)]
            await User.bulk_create(users)
            await Account.bulk_create([_account(user, now, first + place) for place, user in enumerate(users, 1)])
            await Session.bulk_create(
                Session(
                    token_hash=token.hash(),
                    user_id=user.id,
                    account_id=first + place,
                    created_at=now,
                    last_seen_at=now,
                    expires_at=now + 30 * 86_400_000,
                )
                for place, (token, user) in enumerate(zip(tokens, users, strict=True), 1)
            )
            kept.extend(token.get_secret_value() for token in tokens if chance.random() < TOKENS / sessions)
        if database.dialect == "postgres":
            await database.execute("ANALYZE")
    return kept


def _user(place: int, now: int) -> User:
    return User(
        id=opaque_id(),
        nick_name=f"人{place}",
        avatar_url=f"https://thirdwx.qlogo.cn/mmopen/vi_32/{place}/132",
        gender=place % 3,
        city="Shenzhen",
        province="Guangdong",
        country="China",
        language="zh_CN",
        created_at=now,
        updated_at=now,
    )


def _account(user: User, now: int, place: int) -> Account:
    return Account(
        id=place,
        user_id=user.id,
        app_id=APP_ID,
        openid=f"o{place:027}",
        session_key="-",
        session_key_fingerprint="-",
        session_key_at=now,
        created_at=now,
        updated_at=now,
    )
