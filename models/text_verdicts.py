"""What becomes of texts, and of the profile that they stand in, when WeChat or an operator has judged them.

What was judged is a content as it was read (see `profile_text`). Where the user has changed it meanwhile nothing is
done: then other texts are stored, with a row in `text_checks` of their own if they are in doubt.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from models.audit_log import Audited, record, recorded
from models.database import Database, Steps
from models.profiles import profile_text, read_sources, without_name, write_profile
from models.text_checks import drop_text_check
from models.users import USER_COLUMNS, User, UserRecord, lock_user


async def read_texts(database: Database, user_ids: Collection[str]) -> Mapping[str, str]:
    """The content of these users' profiles, by their ids; not of those who are gone. Raises `DatabaseError`."""
    users = User.filter(id__in=list(user_ids))
    rows = await database.run(lambda: users.values_list(*USER_COLUMNS), reads=True)
    return {user.id: profile_text(user) for user in map(UserRecord._make, rows)}


async def accept_texts(database: Database, user_id: str, content: str, *, entry: Audited | None, now: int) -> bool:
    """Notes that a user's texts may be shown; False when they are others by now, or the user is gone.

    `entry` is recorded where they were in doubt. Raises `DatabaseError`.
    """
    return await database.transaction(lambda: _accept(user_id, content, entry))


def _accept(user_id: str, content: str, entry: Audited | None) -> Steps[bool]:
    user = yield from lock_user(user_id)
    if user is None or profile_text(user) != content:
        return False
    if (yield from drop_text_check(user_id)) and entry is not None:
        yield from record(replace(entry, user_id=user_id))
    return True


async def refuse_texts(database: Database, user_id: str, content: str, *, entry: Audited, now: int) -> bool:
    """As `reject_texts`, in a transaction of its own. Raises `DatabaseError`."""
    return await database.transaction(lambda: reject_texts(user_id, content, entry=entry, now=now))


def reject_texts(user_id: str, content: str, *, entry: Audited, now: int) -> Steps[bool]:
    """Clears a user's nickname and region, and records the entry; False when they are others, or the user is gone."""
    user = yield from lock_user(user_id)
    if (yield from recorded(entry.id)) is not None:  # of the same call, whose COMMIT was lost
        return True
    if user is None or not content or profile_text(user) != content:
        return False
    cleared, sources = without_name(user, (yield from read_sources(user_id)))
    yield from write_profile(cleared._replace(city="", province="", country=""), sources, now=now)
    yield from drop_text_check(user_id)
    yield from record(replace(entry, user_id=user_id))
    return True
