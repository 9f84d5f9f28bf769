"""How phone numbers are kept: sealed for their user, and with an index by which users are found."""

import logging
from typing import Final

from graph.security.encryption import KeyRing, SealContext, Sealed
from graph.security.errors import SecurityError

_log = logging.getLogger(__name__)

_TABLE: Final = "phones"


def _context(user_id: str) -> SealContext:
    """Where a sealed number belongs: to a user, in whichever mini-program it was given."""
    return SealContext(_TABLE, "number", app_id="", openid=user_id)


def seal_phone(key_ring: KeyRing, number: str, user_id: str) -> str:
    """Seals a number in E.164, such as +8613800138000."""
    return key_ring.seal(number.encode(), _context(user_id))


def phone_indexes(key_ring: KeyRing, number: str) -> tuple[str, ...]:
    """The index of a number in E.164 under each key of the ring, the current one's first."""
    return key_ring.indexes(number, _TABLE, "number_index")


def open_phone(key_ring: KeyRing, sealed: str, user_id: str) -> str | None:
    """The number; None is as good as no number, until the user gives it again."""
    try:
        return key_ring.open(Sealed(sealed), _context(user_id)).decode()
    except SecurityError as error:
        _log.warning("a stored phone number cannot be opened", extra={"reason": type(error).__name__})
        return None
