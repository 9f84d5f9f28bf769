"""Shows users their phone number with its middle hidden."""

from dataclasses import dataclass, field
from typing import Final

from graph.accounts.phone_encryption import open_phone
from graph.security.encryption import KeyRing
from models.database import Database
from models.phones import SealedPhone, find_phone

# What is shown of as many numbers is remembered.
_MOST_MASKS: Final = 10_000
_MAINLAND: Final = "86"


@dataclass(frozen=True, slots=True)
class MaskedPhone:
    """What is shown of a phone number. `verified_at` in epoch milliseconds."""

    masked: str
    country_code: str
    verified_at: int


@dataclass(kw_only=True, eq=False, repr=False)
class MaskedPhones:
    """Opens a number when it is first asked for."""

    database: Database
    key_ring: KeyRing
    _masks: dict[tuple[str, str], str] = field(default_factory=dict, init=False)

    async def of(self, user_id: str) -> MaskedPhone | None:
        """What is shown of a user's number; None without one, or when it cannot be opened. Raises `DatabaseError`."""
        phone = await find_phone(self.database, user_id)
        masked = self._mask(phone) if phone else None
        return MaskedPhone(masked, phone.country_code, phone.verified_at) if phone and masked else None

    def _mask(self, phone: SealedPhone) -> str | None:
        # Opening costs half as much as the rest of the request. A seal is another one whenever a number is stored, and
        # opens for one user only.
        key = (phone.user_id, phone.number)
        masked = self._masks.get(key)
        if masked is None:
            number = open_phone(self.key_ring, phone.number, phone.user_id)
            if number is None:
                return None
            if len(self._masks) >= _MOST_MASKS:
                self._masks.clear()
            masked = self._masks[key] = _masked(number, phone.country_code)
        return masked


def _masked(number: str, country_code: str) -> str:
    """Like 138****8000 or +852 ****5678."""
    national = number.removeprefix(f"+{country_code}")
    if country_code == _MAINLAND and len(national) == 11:
        return f"{national[:3]}****{national[-4:]}"
    return f"+{country_code} ****{national[-4:] if len(national) >= 8 else national[-2:]}"
