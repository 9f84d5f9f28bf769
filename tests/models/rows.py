"""Logins and profiles to store, complete but for what a test is about; and what the tables then hold."""

from dataclasses import dataclass
from typing import Final

from models.accounts import NewKey, SealedAccount, find_sealed
from models.audit_log import Audited
from models.database import Database
from models.logins import NewSession, SignedInRecord, sign_in
from models.profiles import Profile

NOON: Final = 1_750_000_000_000
MINUTE: Final = 60_000
DAY: Final = 86_400_000


def a_login(
    number: int = 1,
    *,
    openid: str = "openid-alice",
    app_id: str = "wx-one",
    unionid: str | None = None,
    key: str = "A",
    asked_at: int = NOON,
    now: int | None = None,
    expires_at: int = NOON + 30 * DAY,
    keep: int = 50,
    superseded: str | None = None,
    superseded_ends_at: int = 0,
) -> NewSession:
    """The login number `number`, which names its token and the user, if they turn out to be new."""
    return NewSession(
        user_id=f"user-{number}",
        key=NewKey(
            app_id=app_id,
            openid=openid,
            unionid=unionid,
            session_key=f"sealed {key} by {number}",
            session_key_fingerprint=f"of {key}",
            session_key_at=asked_at,
        ),
        token_hash=f"token-{number}",
        mac="v1.k1.{}.{}".format,
        now=asked_at if now is None else now,
        expires_at=expires_at,
        keep=keep,
        user_created=lambda: Audited(
            id=f"made-{number}", at=NOON, action="user_created", user_id=f"user-{number}", actor="user"
        ),
        superseded=superseded,
        superseded_ends_at=superseded_ends_at,
    )


def a_profile(
    nick_name: str = "Alice",
    *,
    real: bool = True,
    avatar_url: str = "https://thirdwx.qlogo.cn/alice",
    real_avatar: bool | None = None,
    gender: int = 2,
    city: str = "Guangzhou",
    profile_at: int = NOON,
) -> Profile:
    """User info as WeChat gives it; with `real=False`, in place of the user's own."""
    return Profile(
        nick_name=nick_name,
        nick_name_is_real=real,
        avatar_url=avatar_url,
        avatar_url_is_real=real if real_avatar is None else real_avatar,
        is_real=real,
        gender=gender,
        city=city,
        province="Guangdong",
        country="China",
        language="zh_CN",
        profile_at=profile_at,
    )


@dataclass(frozen=True)
class Keys:
    """The two keys that an account holds, and since when (the previous one: when it was replaced)."""

    current: str
    fingerprint: str
    at: int
    previous: str | None
    previous_at: int | None


async def stored(database: Database, *logins: NewSession) -> SignedInRecord:
    """What the last of these logins left, one after the other."""
    return [await sign_in(database, login) for login in logins][-1]


async def keys_of(database: Database, account_id: int) -> Keys:
    """The keys as the server reads them, with the fingerprint and the time that only the next login needs."""
    record = await find_sealed(database, account_id)
    assert isinstance(record, SealedAccount)
    sql = "SELECT session_key_fingerprint AS fingerprint, session_key_at FROM accounts WHERE id = $1"
    [row] = await database.fetch(sql, account_id)
    return Keys(
        record.session_key,
        row["fingerprint"],
        row["session_key_at"],
        record.previous_session_key,
        record.previous_session_key_at,
    )


async def column(database: Database, sql: str, *values: object) -> list[object]:
    """The only column of a query's rows."""
    return [value for row in await database.fetch(sql, *values) for value in row.values()]
