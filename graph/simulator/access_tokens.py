"""Access tokens of both kinds: the ordinary one, which every fetch replaces, and the stable one."""

from collections.abc import Callable
from dataclasses import dataclass, field

from graph.simulator.errors import Errcode, require

TOKEN_LIFE = 7200.0
OVERLAP = 300.0
FORCED_PER_DAY = 20
FORCED_APART = 30.0
_DAY = 24 * 3600.0
# Enough to answer 42001 for any token that a client may still hold, and no leak for one that fetches in a loop.
_REMEMBERED = 1000


@dataclass(slots=True)
class AccessToken:
    text: str = field(repr=False)
    expires_at: float
    # When a newer token put it out of service; the errcode is "not latest" rather than "expired".
    superseded_at: float | None = None


class AccessTokens:
    """The two kinds are independent: fetching one never affects the other."""

    def __init__(self, make: Callable[[], str], now: Callable[[], float]) -> None:
        self._make = make
        self._now = now
        self._by_text: dict[str, AccessToken] = {}
        self._ordinary: AccessToken | None = None
        self._stable: AccessToken | None = None
        self._forced_at: list[float] = []

    def fetch(self) -> tuple[str, int]:
        """`/cgi-bin/token`: always a new token; the one before works for five minutes more."""
        if self._ordinary is not None:
            self._ordinary.superseded_at = self._now() + OVERLAP
        self._ordinary = self._issue()
        return self._ordinary.text, int(TOKEN_LIFE)

    def fetch_stable(self, *, force_refresh: bool) -> tuple[str, int]:
        """`/cgi-bin/stable_token`: the same token until five minutes before its end, then a new one beside it.

        Forcing kills the old token at once, 20 times a day and 30 seconds apart; beyond that it does nothing.
        """
        now = self._now()
        if force_refresh and self._stable is not None and self._may_force(now):
            self._forced_at.append(now)
            self._stable.superseded_at = now
            self._stable = self._issue()
        elif self._stable is None or self._stable.expires_at - now < OVERLAP:
            self._stable = self._issue()
        return self._stable.text, int(self._stable.expires_at - now)

    def check(self, text: str | None) -> None:
        """Raises ErrcodeError with 41001, 40001 or 42001."""
        require(text, Errcode.TOKEN_MISSING)
        token, now = self._by_text.get(text or ""), self._now()
        known = token is not None and (token.superseded_at is None or token.superseded_at > now)
        require(known, Errcode.INVALID_CREDENTIAL)
        require(token and token.expires_at > now, Errcode.TOKEN_EXPIRED)

    def expire_all(self) -> None:
        """End the life of every token now, so that the next call with one gets 42001."""
        now = self._now()
        for token in self._by_text.values():
            token.expires_at = min(token.expires_at, now)

    def _may_force(self, now: float) -> bool:
        self._forced_at = [at for at in self._forced_at if now - at < _DAY]
        rested = not self._forced_at or now - self._forced_at[-1] >= FORCED_APART
        return rested and len(self._forced_at) < FORCED_PER_DAY

    def _issue(self) -> AccessToken:
        token = AccessToken(self._make(), self._now() + TOKEN_LIFE)
        self._by_text[token.text] = token
        if len(self._by_text) > _REMEMBERED:
            # The stable token may be the oldest by far; it is still in service.
            oldest = next(text for text, held in self._by_text.items() if held is not self._stable)
            del self._by_text[oldest]
        return token
