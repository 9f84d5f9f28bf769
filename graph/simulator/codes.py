"""Codes that the phone fetches and a server may use once, within five minutes."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from graph.simulator.errors import Errcode, ErrcodeError, require

CODE_LIFE = 300.0

Grant = TypeVar("Grant")


class _Held(NamedTuple, Generic[Grant]):
    grant: Grant
    forget_at: float
    used: bool = False


class Codes(Generic[Grant]):
    """Codes of one kind, each standing for a `Grant`.

    A used code is remembered for five minutes more, to differ (40163) from one that never was (40029).
    """

    def __init__(self, make: Callable[[], str], now: Callable[[], float]) -> None:
        self._make = make
        self._now = now
        # Ordered by `forget_at`: issuing and using both put a code at the end with the same life.
        self._held: dict[str, _Held[Grant]] = {}

    def issue(self, grant: Grant) -> str:
        self._forget()
        code = self._make()
        self._held[code] = _Held(grant, self._now() + CODE_LIFE)
        return code

    def look_up(self, code: str) -> Grant:
        """What the code stands for, without using it. Raises ErrcodeError with 40029 or 40163."""
        self._forget()
        held = self._held.get(code)
        if held is None:
            raise ErrcodeError(Errcode.INVALID_CODE)
        require(not held.used, Errcode.CODE_USED)
        return held.grant

    def use(self, code: str) -> Grant:
        """Raises ErrcodeError with 40029 or 40163."""
        grant = self.look_up(code)
        del self._held[code]
        self._held[code] = _Held(grant, self._now() + CODE_LIFE, used=True)
        return grant

    def __len__(self) -> int:
        return len(self._held)

    def _forget(self) -> None:
        while self._held and next(iter(self._held.values())).forget_at <= self._now():
            del self._held[next(iter(self._held))]
