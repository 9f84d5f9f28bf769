"""The keys with which a mini-program encrypts its own requests, as wx.getUserCryptoManager hands them out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from graph.simulator.fake_values import FakeValues

KEY_LIFE: Final = 3600.0
# The server is given the last ones, dead or alive.
KEYS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class UserKey:
    text: str = field(repr=False)
    iv: str = field(repr=False)
    version: int
    created_at: float


@dataclass(slots=True)
class UserKeys:
    """By the name of the user, the newest last. The phone makes a key when the one before has ended."""

    fakes: FakeValues
    now: Callable[[], float]
    _held: dict[str, list[UserKey]] = field(default_factory=dict)

    def latest(self, user: str) -> UserKey:
        keys = self._held.setdefault(user, [])
        if not keys or self.expires_in(keys[-1]) <= 0:
            version = keys[-1].version + 1 if keys else 1
            keys.append(UserKey(self.fakes.session_key(), self.fakes.request_iv(), version, self.now()))
            del keys[:-KEYS_SHOWN]
        return keys[-1]

    def newest_first(self, user: str) -> list[UserKey]:
        return self._held.get(user, [])[::-1]

    def expires_in(self, key: UserKey) -> int:
        """In seconds; 0 for a dead one."""
        return max(0, int(key.created_at + KEY_LIFE - self.now()))

    def forget(self, user: str) -> None:
        self._held.pop(user, None)
