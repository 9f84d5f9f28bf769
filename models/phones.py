"""A user's verified phone number, sealed, and found by a keyed index; nothing here can open it.

Who changes a user's phone has locked an account and then the row in `users`, except a rotation of the keys. What meets
one waits at the row in `phones`, which all write before `phone_owners`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final, TypeAlias

from tortoise import fields
from tortoise.models import Model

from models.accounts import lock_holder
from models.audit_log import Audited, record, recorded
from models.database import Database, Row, Steps
from models.errors import Conflict
from models.phone_owners import disown, is_owned_by_another, move_owned, own, owns_number
from models.users import User, note_removed_phone, removed_phone_at


class PhoneSource(IntEnum):
    """How a number came: by the code of a button's event, or in its encrypted data."""

    CODE = 1
    ENCRYPTED = 2


class Phone(Model):
    """The table `phones`. The masked form is not stored: it would leave few numbers to try."""

    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="phone", on_delete=fields.CASCADE, primary_key=True
    )
    number = fields.TextField()
    # `<key id>.<22 characters>`, the same for all users of the number.
    number_index = fields.CharField(max_length=40, db_index=True)
    country_code = fields.CharField(max_length=4)
    app_id = fields.CharField(max_length=32)
    # A `PhoneSource`.
    source = fields.SmallIntField()
    # Of the code by which the number came, so that a call that is repeated finds it.
    code_hash = fields.CharField(max_length=43, null=True)
    # When the user gave it, by WeChat's watermark.
    verified_at = fields.BigIntField()
    created_at = fields.BigIntField()
    updated_at = fields.BigIntField()

    class Meta:
        table = "phones"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Verified phone numbers, sealed."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPhone:
    """A verified number to store. `verified_at` in epoch milliseconds."""

    # Seals the number for a user's id: whose the account is by then, only the transaction knows.
    seal: Callable[[str], str] = field(repr=False)
    # The number's index under each key of the ring; the current one's comes first and is stored.
    indexes: tuple[str, ...] = field(repr=False)
    country_code: str
    app_id: str
    source: PhoneSource
    code_hash: str | None = field(repr=False)
    verified_at: int


@dataclass(frozen=True, slots=True)
class SealedPhone:
    """A row of `phones`. `verified_at` in epoch milliseconds."""

    user_id: str
    number: str = field(repr=False)
    number_index: str = field(repr=False)
    country_code: str
    app_id: str
    source: int
    code_hash: str | None = field(repr=False)
    verified_at: int


@dataclass(frozen=True, slots=True)
class StoredPhone:
    """Whose phone it is by now, and whether the call set or changed the number.

    It did not where the user had it already, has one that was verified later, or has taken it or a later one back.
    """

    user_id: str
    is_changed: bool


@dataclass(frozen=True, slots=True)
class PhoneInUse:
    """The number is another user's, and nothing was stored."""


# What was sealed for one user's id, sealed for another's: of the text and both ids. None where it cannot be opened.
Reseal: TypeAlias = Callable[[str, str, str], str | None]

_COLUMNS: Final = tuple(SealedPhone.__slots__)
_FIND: Final = f"SELECT {', '.join(_COLUMNS)} FROM phones WHERE user_id = $1"  # noqa: S608 - constants only
_OTHER_USER: Final = "SELECT user_id FROM phones WHERE number_index = $1 AND user_id <> $2 LIMIT 1"
_UPSERT: Final = """
INSERT INTO phones (user_id, number, number_index, country_code, app_id, source, code_hash, verified_at,
                    created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
ON CONFLICT (user_id) DO UPDATE SET
  number = excluded.number, number_index = excluded.number_index, country_code = excluded.country_code,
  app_id = excluded.app_id, source = excluded.source, code_hash = excluded.code_hash,
  verified_at = excluded.verified_at, updated_at = excluded.updated_at"""
_DELETE: Final = "DELETE FROM phones WHERE user_id = $1 RETURNING verified_at"
_DELETE_OF_APP: Final = """
DELETE FROM phones WHERE user_id = $1 AND app_id = $2 AND (verified_at <= $3 OR updated_at <= $3)
RETURNING verified_at"""
_MOVE: Final = "UPDATE phones SET user_id = $2, number = $3 WHERE user_id = $1"
_RESEAL: Final = """
UPDATE phones SET number = $2, number_index = $3 WHERE user_id = $1 AND number = $4 AND number_index = $5
RETURNING user_id"""


async def find_phone(database: Database, user_id: str) -> SealedPhone | None:
    """A user's phone. Raises `DatabaseError`, as all here that await."""
    rows = await database.read(_FIND, user_id)
    return SealedPhone(*rows[0]) if rows else None


async def store_phone(
    database: Database, account_id: int, phone: NewPhone, entry: Audited, *, unique: bool, now: int
) -> StoredPhone | PhoneInUse | None:
    """Stores the number of an account's user; None: the account is gone. Not one that was verified before another.

    That other one is what they have, or what they have taken back: data of an old base library can be sent again.

    When it is another number than before, the entry is written too, with the user and the app of the account. With
    `unique`, one that another user has is not stored. Users who share one from before keep it; of those who give it
    again, the first is its owner.
    """
    return await database.transaction(lambda: _store(account_id, phone, entry, unique, now))


def _store(
    account_id: int, phone: NewPhone, entry: Audited, unique: bool, now: int
) -> Steps[StoredPhone | PhoneInUse | None]:
    locked = yield from lock_holder(account_id)
    if locked is None:
        return None
    account, user = locked
    user_id = user.id
    if (yield from recorded(entry.id)) is not None:  # of the same call, whose COMMIT was lost
        return StoredPhone(user_id, is_changed=True)
    stored = yield from select_phone(user_id)
    is_older = stored is not None and stored.verified_at > phone.verified_at
    # Of the same second, a code is another tap's, for each works once.
    removed_until = phone.verified_at + (phone.source is PhoneSource.CODE)
    removed_at = yield from removed_phone_at(user_id)
    if is_older or (removed_at is not None and removed_at >= removed_until):
        return StoredPhone(user_id, is_changed=False)
    is_same = stored is not None and stored.number_index in phone.indexes
    if unique and (yield from _is_in_use(phone.indexes, user_id, is_same)):
        return PhoneInUse()
    of_call = (phone.country_code, phone.app_id, int(phone.source), phone.code_hash, phone.verified_at, now)
    yield _UPSERT, (user_id, phone.seal(user_id), phone.indexes[0], *of_call)
    if not (yield from own(user_id, phone.indexes if unique else ())):
        msg = "another user has claimed the number meanwhile"
        raise Conflict(msg)
    if not is_same:
        yield from record(replace(entry, **account, detail={"replaced": stored is not None}))
    return StoredPhone(user_id, is_changed=not is_same)


def _is_in_use(indexes: Sequence[str], user_id: str, is_same: bool) -> Steps[bool]:
    for index in indexes:
        if (yield from is_owned_by_another(index, user_id)):
            return True
        # What was stored before numbers had to be unique has no owner.
        if not is_same and (yield _OTHER_USER, (index, user_id)):
            return True
    return False


async def remove_phone(database: Database, account_id: int, entry: Audited) -> bool:
    """Deletes the phone of an account's user; whether there was one. Then the entry is written as by `store_phone`."""
    return await database.transaction(lambda: _remove(account_id, entry))


def _remove(account_id: int, entry: Audited) -> Steps[bool]:
    locked = yield from lock_holder(account_id)
    if (yield from recorded(entry.id)) is not None:
        return True
    if locked is None:
        return False
    account, user = locked
    if not (yield from _taken_back(user.id, (yield _DELETE, (user.id,)))):
        return False
    yield from record(replace(entry, **account))
    return True


def _taken_back(user_id: str, deleted: Sequence[Row]) -> Steps[bool]:
    if deleted:
        yield from disown(user_id)
        yield from note_removed_phone(user_id, deleted[0]["verified_at"])
    return bool(deleted)


def select_phone(user_id: str) -> Steps[SealedPhone | None]:
    """A user's phone, within a transaction."""
    rows = yield _FIND, (user_id,)
    return SealedPhone(**rows[0]) if rows else None


def delete_phone_of_app(user_id: str, app_id: str, *, before: int) -> Steps[bool]:
    """Deletes a user's phone if it came through this mini-program, and was given or stored by then; whether it did.

    The transaction has locked the user. `before` is in epoch milliseconds, and the last that counts.
    """
    return (yield from _taken_back(user_id, (yield _DELETE_OF_APP, (user_id, app_id, before))))


def move_phone(younger: str, older: str, reseal: Reseal) -> Steps[bool]:
    """Gives one user's phone to another, unless that one has one that is not older; whether it did.

    What `reseal` cannot open stays, and is deleted with its user. The transaction has locked both.
    """
    removed_at = yield from removed_phone_at(younger)
    if removed_at is not None:
        yield from note_removed_phone(older, removed_at)
    phone = yield from select_phone(younger)
    if phone is None:
        return False
    other = yield from select_phone(older)
    is_newer = other is None or other.verified_at < phone.verified_at
    number = reseal(phone.number, younger, older) if is_newer else None
    if number is not None:
        yield _DELETE, (older,)
        yield _MOVE, (younger, older, number)
    is_same = other is not None and other.number_index == phone.number_index
    if number is not None and not is_same:
        yield from disown(older)
    if number is not None or is_same:
        yield from move_owned(younger, older)
    return number is not None


async def read_phones(database: Database, *, after: str, limit: int) -> Sequence[SealedPhone]:
    """The next phones by their users' ids."""
    batch = Phone.filter(user_id__gt=after).order_by("user_id").limit(limit)
    return [SealedPhone(*row) for row in await database.run(lambda: batch.values_list(*_COLUMNS), reads=True)]


async def count_phones_by_key(database: Database, *, batch: int = 1000) -> dict[str, int]:
    """How many phones are sealed or indexed with each key id. In batches, as `count_accounts_by_key`."""
    counts: Counter[str] = Counter()
    after = ""
    while phones := await read_phones(database, after=after, limit=batch):
        for phone in phones:
            counts.update({phone.number.partition(".")[2].partition(".")[0], phone.number_index.partition(".")[0]})
        after = phones[-1].user_id
    return dict(sorted(counts.items()))


async def reseal_phone(database: Database, old: SealedPhone, *, number: str, indexes: tuple[str, ...]) -> bool:
    """Replaces a number's seal and indexes if they are still the old ones; False when the user was faster."""
    return await database.transaction(lambda: _reseal(old, number, indexes))


def _reseal(old: SealedPhone, number: str, indexes: tuple[str, ...]) -> Steps[bool]:
    if not (yield _RESEAL, (old.user_id, number, indexes[0], old.number, old.number_index)):
        return False
    if (yield from owns_number(old.user_id)):
        yield from own(old.user_id, indexes)
    return True
