"""Takes the user info that a mini-program collected, signed and encrypted with the session_key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from graph.accounts.errors import SessionKeyStale, Unauthenticated
from graph.accounts.session_keys import SessionKeys
from graph.accounts.sessions import Viewer
from graph.security.events import Client, SecurityEvent
from graph.security.rate_limit import RateLimit
from graph.wechat.crypto import Submission
from graph.wechat.errors import DecryptFailed, WatermarkOutOfRange
from graph.wechat.user_info import UserInfo
from models.accounts import SealedAccount, find_user_of_account
from models.database import Database
from models.profiles import FACTS, Profile, store_profile
from models.users import UserRecord

# Not submitted yet, or what WeChat hands out in place of the real one.
ANONYMOUS_NICK_NAMES: Final = frozenset({"", "微信用户"})
# The path of each grey picture; host, scheme and size suffix vary.
_ANONYMOUS_AVATARS: Final = (
    "POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSyXwibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg",
    "icTdbqWNOwNRna42FI242Lcia07jQodd2FJGIYQfG0LAJGFxM4FbnQP6yfMxBgJ0F3YRqJCJ1aPAK2dQagdusBZg",
)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Profiles:
    """Verifies submissions and keeps the newest. `now` gives epoch milliseconds, the ages are seconds."""

    database: Database
    session_keys: SessionKeys
    watermark_max_age: float
    watermark_max_ahead: float
    rate_limit: RateLimit
    now: Callable[[], int]

    async def submit_user_info(
        self, viewer: Viewer, *, client: Client, raw_data: str, signature: str, encrypted_data: str, iv: str
    ) -> UserRecord:
        """The user with what they submitted. The same submission again, or an older one, changes nothing.

        Raises `RateLimited` for the client's address or the account, `SubmissionError` (see `graph.wechat.errors`),
        `SessionKeyStale`, `Unauthenticated` when the user is gone, `DatabaseError`.
        """
        await self.rate_limit.count("address", client.address, client, **viewer.ids)
        await self.rate_limit.count("account", str(viewer.account_id), client, **viewer.ids)
        submission = Submission.parse(raw_data=raw_data, signature=signature, encrypted_data=encrypted_data, iv=iv)
        try:
            info = await self._open(viewer.account_id, submission)
        except (SessionKeyStale, DecryptFailed, WatermarkOutOfRange) as error:
            # The client is sent one code whatever failed; an operator who helps its developer needs to know which.
            SecurityEvent.SUBMISSION_REFUSED.log(client, reason=error.reason, **viewer.ids)
            raise
        profile = _profile(info)
        user = await store_profile(self.database, viewer.user.id, profile, now=self.now())
        if user is None:
            # A merge of this moment made account and session another user's.
            user_id = await find_user_of_account(self.database, viewer.account_id)
            if user_id is not None:
                user = await store_profile(self.database, user_id, profile, now=self.now())
        if user is None:
            raise Unauthenticated
        return user

    async def _open(self, account_id: int, submission: Submission) -> UserInfo:
        def read(session_key: SecretStr, account: SealedAccount) -> UserInfo | None:
            return submission.open(
                session_key,
                app_id=account.app_id,
                openid=account.openid,
                now=self.now() / 1000,
                max_age=self.watermark_max_age,
                max_ahead=self.watermark_max_ahead,
            )

        info = await self.session_keys.open(account_id, read)
        if info is None:
            raise SessionKeyStale(submission.likely_cause())
        return info


def is_anonymous(user: UserRecord) -> bool:
    """Whether neither name nor picture are the user's own."""
    return not _is_own_name(user.nick_name) and not is_own_avatar(user.avatar_url)


def filled(older: UserRecord, younger: UserRecord) -> UserRecord:
    """The older user with what the younger has and they lack: what is their own stays.

    Gender, region and language belong together: half a region of each would be of neither.
    """
    has_facts = any(getattr(older, name) for name in FACTS)
    changes = {} if has_facts else {name: getattr(younger, name) for name in FACTS}
    for name, is_own in (("nick_name", _is_own_name), ("avatar_url", is_own_avatar)):
        one, other = getattr(older, name), getattr(younger, name)
        changes[name] = other if is_own(other) and not is_own(one) else one or other
    return older._replace(**changes)


def _is_own_name(nick_name: str) -> bool:
    return nick_name not in ANONYMOUS_NICK_NAMES


def is_own_avatar(avatar_url: str) -> bool:
    """Whether a picture is not WeChat's grey one, nor none."""
    return bool(avatar_url) and not any(path in avatar_url for path in _ANONYMOUS_AVATARS)


def _profile(info: UserInfo) -> Profile:
    named = _is_own_name(info.nick_name)
    return Profile(
        nick_name=info.nick_name,
        nick_name_is_real=named,
        avatar_url=info.avatar_url,
        avatar_url_is_real=is_own_avatar(info.avatar_url),
        is_real=named,
        gender=info.gender,
        city=info.city,
        province=info.province,
        country=info.country,
        language=info.language,
        profile_at=info.watermark_at * 1000,
    )
