"""Gives users all that is kept of them, as one JSON document.

`format` is "wxgate export", and `version` grows with what is added. Version 1 has `exportedAt`, `user`, `phone`,
`accounts`, `sessions` and `events`; names, times and enumerations are as in the schema, and what is empty is null.
Version 2 adds `pictures`, newest first, and to `user` where its parts came from: `nickNameSource` and `avatarSource`
are WECHAT or USER, `nickNameAt`, `avatarAt` and `factsAt` (of gender, region and language) when the user gave them.
Left out is what is there for hours only, uploads that are not saved, and how far checks are that are not done.
There is no session_key and no hash of a token in it, which are secrets of the server's, and of operators no name.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from graph.accounts.errors import Unauthenticated
from graph.accounts.phone_encryption import open_phone
from graph.accounts.reauthentication import Reauthentication, require_own
from graph.accounts.session_list import SessionList
from graph.accounts.sessions import Viewer
from graph.security.encryption import KeyRing
from graph.security.events import Client, SecurityEvent
from graph.security.tokens import session_id
from models.accounts import list_accounts
from models.audit_log import AuditAction, Audited, read_entries
from models.database import Database
from models.devices import Platform
from models.exports import begin_export
from models.phones import SealedPhone, find_phone
from models.pictures import PictureState, StoredPicture, list_pictures
from models.profiles import Source
from models.session_list import ListedSession
from models.users import read_user

# The newest ones.
_MOST_EVENTS: Final = 1000
_MOST_PICTURES: Final = 100
_MOST_BYTES: Final = 1_048_576
# By what `users.gender` holds.
_GENDERS: Final = ("UNKNOWN", "MALE", "FEMALE")


@dataclass(frozen=True, slots=True)
class Export:
    """`created_at` in epoch milliseconds."""

    document: str = field(repr=False)
    created_at: int


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Exports:
    """Makes exports. `now` gives epoch milliseconds."""

    database: Database
    key_ring: KeyRing
    reauthentication: Reauthentication
    session_list: SessionList
    now: Callable[[], int]

    async def export(self, viewer: Viewer, code: str, *, client: Client) -> Export:
        """What is kept of the viewer, whose the code must be.

        The session_key that comes with the code is stored, for WeChat has replaced the one that was. Raises what
        `Reauthentication` does, `CodeOfAnotherUser`, `Unauthenticated` when the user is gone, `DatabaseError`.
        """
        now = self.now()
        async with self.reauthentication.exchanged(viewer, code, client) as exchanged:
            entry = AuditAction.EXPORTED.entry(
                now=now, user_id=viewer.user.id, app_id=exchanged.app_id, session=session_id(viewer.token_hash)
            )
            key = exchanged.seal(self.key_ring)
            found = await begin_export(self.database, viewer.account_id, key, entry)
            kept = await self._read(viewer, found) if isinstance(found, str) else None
        user_id = require_own(found, viewer, client)
        if kept is None:
            raise Unauthenticated
        SecurityEvent.USER_EXPORTED.log(client, **viewer.ids | {"user_id": user_id})
        return Export(_document(kept, now), now)

    async def _read(self, viewer: Viewer, user_id: str) -> dict[str, Any] | None:
        """The members of the document that are read; None when the user is gone."""
        user = await read_user(self.database, user_id)
        if user is None:
            return None
        phone = await find_phone(self.database, user_id)
        pictures = await list_pictures(self.database, user_id, most=_MOST_PICTURES)
        events: Sequence[Audited] = await anext(read_entries(self.database, user_id=user_id, size=_MOST_EVENTS), [])
        return {
            "user": _user(user),
            "phone": None if phone is None else self._opened(phone),
            "accounts": [_named(account) for account in await list_accounts(self.database, user_id)],
            "pictures": [_picture(*found) for found in pictures],
            "sessions": [_session(listed, viewer) for listed in await self.session_list.of(viewer)],
            "events": [_event(entry) for entry in events],
        }

    def _opened(self, phone: SealedPhone) -> dict[str, object]:
        number = open_phone(self.key_ring, phone.number, phone.user_id)
        return {"number": number, "verifiedAt": _time(phone.verified_at)}


def _document(kept: dict[str, Any], now: int) -> str:
    head: dict[str, Any] = {"format": "wxgate export", "version": 2, "exportedAt": _time(now)}
    events: list[object] = kept["events"]
    while True:
        document = json.dumps({**head, **kept, "events": events}, ensure_ascii=False, separators=(",", ":"))
        if len(document.encode()) <= _MOST_BYTES or not events:
            return document
        events = events[: len(events) // 2]


def _user(row: Mapping[str, Any]) -> dict[str, Any]:
    sources = {_camel_case(name): Source(row[name]).name for name in ("nick_name_source", "avatar_source")}
    return _named(row) | {"gender": _GENDERS[row["gender"]]} | sources


def _picture(picture: StoredPicture, is_in_use: bool) -> dict[str, object]:
    is_kept = is_in_use and picture.state is not PictureState.REFUSED
    return {
        "state": picture.state.name,
        # None once the file is deleted.
        "url": picture.url if is_kept else None,
        "uploadedAt": _time(picture.created_at),
    }


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns by the names that the schema would give them."""
    return {_camel_case(name): _time(value) if name.endswith("_at") else value or None for name, value in row.items()}


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _session(listed: ListedSession, viewer: Viewer) -> dict[str, object]:
    session, device = listed.session, listed.device
    known = Platform(device.platform) if device.platform in set(Platform) else Platform.OTHER
    return {
        "id": session_id(session.token_hash),
        "isCurrent": session.token_hash == viewer.token_hash,
        "createdAt": _time(session.created_at),
        "lastSeenAt": _time(session.last_seen_at),
        "expiresAt": _time(session.expires_at),
        "appId": listed.app_id,
        "device": {
            "label": device.device or None,
            "platform": known.name,
            "weChatVersion": device.wechat_version or None,
            "appVersion": device.app_version or None,
        },
    }


def _event(entry: Audited) -> dict[str, object]:
    return {
        "at": _time(entry.at),
        "action": entry.action,
        "appId": entry.app_id or None,
        "session": entry.session or None,
        # Without which operator or service it was.
        "actor": entry.actor.partition(":")[0],
        "detail": entry.detail,
    }


def _time(epoch_ms: int | None) -> str | None:
    return None if epoch_ms is None else datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds")
