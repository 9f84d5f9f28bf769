"""What WeChat issues and later checks: codes, session_keys and access tokens."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeVar

from graph.simulator.protocol import Errcode, ErrcodeError, require

Grant = TypeVar("Grant")
Renewal = Literal["always", "never", "after"]

CODE_LIFE = 300.0
# WeChat keeps both to itself. Three days is an official answer; the minimum refresh period is known only to exist.
SESSION_KEY_LIFE = 3 * 24 * 3600.0
RENEW_AFTER: Final[dict[Renewal, float]] = {"always": -math.inf, "after": 300.0, "never": math.inf}
TOKEN_LIFE = 7200.0
OVERLAP = 300.0
FORCED_PER_DAY = 20
FORCED_APART = 30.0
# Enough to answer 42001 for any token that a client may still hold, and no leak for one that fetches in a loop.
_REMEMBERED = 1000


class Codes(Generic[Grant]):
    """Codes of one kind, each standing for a `Grant`: the phone fetches one, a server may use it once in five minutes.

    A used code is remembered for five minutes more, to get its own errcode, `used`. WeChat has one (40163) for login
    codes only: a used phone code gets that of a code that never was (40029).
    """

    def __init__(self, make: Callable[[], str], now: Callable[[], float], *, used: Errcode) -> None:
        self._make = make
        self._now = now
        self._used = used
        # By code: its grant, when to forget it, and whether it was used. The oldest comes first: all live equally long.
        self._held: dict[str, tuple[Grant, float, bool]] = {}

    def issue(self, grant: Grant) -> str:
        self._forget()
        code = self._make()
        self._held[code] = (grant, self._now() + CODE_LIFE, False)
        return code

    def look_up(self, code: str) -> Grant:
        """What the code stands for, without using it. Raises ErrcodeError with 40029 or that of a used code."""
        self._forget()
        if code not in self._held:
            raise ErrcodeError(Errcode.INVALID_CODE)
        grant, _, used = self._held[code]
        require(not used, self._used)
        return grant

    def use(self, code: str) -> Grant:
        """As `look_up`, once."""
        grant = self.look_up(code)
        del self._held[code]
        self._held[code] = (grant, self._now() + CODE_LIFE, True)
        return grant

    def holder(self, code: str) -> Grant | None:
        """What a code stands for that is known, used or not."""
        held = self._held.get(code)
        return held and held[0]

    def withdraw(self, belongs: Callable[[Grant], bool]) -> None:
        """Make codes unknown, used or not: those whose grant belongs to what is gone."""
        self._held = {code: held for code, held in self._held.items() if not belongs(held[0])}

    def _forget(self) -> None:
        while self._held and next(iter(self._held.values()))[1] <= self._now():
            del self._held[next(iter(self._held))]


@dataclass(slots=True)
class SessionKey:
    """`origin` is how it came about: from wx.login, from resetusersessionkey, or unseen by phone and server alike."""

    text: str = field(repr=False)
    issued_at: float
    origin: Literal["login", "reset", "unseen"]


@dataclass(slots=True)
class SessionKeys:
    """The one session_key that is valid for a user at a time, by the name of the user.

    WeChat replaces it at wx.login, on the phone, before any server sees the code: always, never while it lives, or
    once it is five minutes old. Whatever was encrypted earlier cannot be read with the key that the new code brings.
    """

    make: Callable[[], str]
    now: Callable[[], float]
    renew: Renewal
    _held: dict[str, SessionKey] = field(default_factory=dict)

    def log_in(self, user: str, *, renew: bool | None = None) -> None:
        """What wx.login does to the key; `renew` overrules the policy for this once.

        As with WeChat, a key without a login is always replaced: data collected before wx.login stays unreadable.
        """
        key = self._living(user)
        if key is not None and renew is None:
            renew = self.now() - key.issued_at >= RENEW_AFTER[self.renew]
        if key is None or key.origin == "unseen" or renew:
            self._issue(user, "login")
        else:
            key.origin = "login"

    def current(self, user: str) -> str:
        """The valid key; where there is none, a new one that no server has seen."""
        return self._valid(user).text

    def hand_over(self, user: str) -> str:
        """The key that is valid when the server exchanges a code."""
        self._valid(user).origin = "login"
        return self.current(user)

    def is_of_last_login(self, user: str) -> bool:
        """What wx.checkSession asks: does the key of the last code still live?"""
        return self._valid(user).origin == "login"

    def expire(self, user: str) -> None:
        """Replace the key unseen, as a data prefetch or WeChat's own clock does."""
        self._issue(user, "unseen")

    def reset(self, user: str) -> str:
        """A new key that dies when the old one would have: resetting prolongs nothing."""
        key = self._valid(user)
        key.text, key.origin = self.make(), "reset"
        return key.text

    def put(self, user: str, text: str) -> None:
        """Make a chosen key the valid one, for tests that reproduce known bytes."""
        self._issue(user, "login", text)

    def forget(self, user: str) -> None:
        self._held.pop(user, None)

    def _valid(self, user: str) -> SessionKey:
        return self._living(user) or self._issue(user, "unseen")

    def _living(self, user: str) -> SessionKey | None:
        key = self._held.get(user)
        return key if key is not None and key.issued_at + SESSION_KEY_LIFE > self.now() else None

    def _issue(self, user: str, origin: Literal["login", "unseen"], text: str | None = None) -> SessionKey:
        self._held[user] = SessionKey(text or self.make(), self.now(), origin)
        return self._held[user]


@dataclass(slots=True)
class AccessToken:
    text: str = field(repr=False)
    expires_at: float
    # When a newer token put it out of service; the errcode is "not latest" rather than "expired".
    superseded_at: float = math.inf


class AccessTokens:
    """The ordinary token, which every fetch replaces, and the stable one: fetching one never affects the other."""

    def __init__(self, make: Callable[[], str], now: Callable[[], float]) -> None:
        self._make = make
        self._now = now
        self._by_text: dict[str, AccessToken] = {}
        self._ordinary: AccessToken | None = None
        self._stable: AccessToken | None = None
        # The last twenty times.
        self._forced_at = deque([-math.inf] * FORCED_PER_DAY, FORCED_PER_DAY)
        # How often `force_refresh` was asked for, and how often it took effect.
        self.force_requests = 0
        self.forced_refreshes = 0

    def fetch(self) -> dict[str, object]:
        """`/cgi-bin/token`: always a new token; the one before works for five minutes more."""
        if self._ordinary is not None:
            self._ordinary.superseded_at = self._now() + OVERLAP
        self._ordinary = self._issue()
        return {"access_token": self._ordinary.text, "expires_in": int(TOKEN_LIFE)}

    def fetch_stable(self, *, force_refresh: bool) -> dict[str, object]:
        """`/cgi-bin/stable_token`: the same token until five minutes before its end, then a new one beside it.

        Forcing kills the old token at once, 20 times a day and 30 seconds apart; beyond that it does nothing.
        """
        now = self._now()
        self.force_requests += force_refresh
        may_force = now - self._forced_at[-1] >= FORCED_APART and now - self._forced_at[0] >= 24 * 3600
        if force_refresh and may_force and self._stable is not None:
            self._forced_at.append(now)
            self.forced_refreshes += 1
            self._stable.superseded_at = now
            self._stable = self._issue()
        elif self._stable is None or self._stable.expires_at - now < OVERLAP:
            self._stable = self._issue()
        return {"access_token": self._stable.text, "expires_in": int(self._stable.expires_at - now)}

    def __contains__(self, text: object) -> bool:
        """Whether this app was given the token, alive or not."""
        return text in self._by_text

    def check(self, text: str | None) -> None:
        """Raises ErrcodeError with 41001, 40001 or 42001."""
        require(text, Errcode.TOKEN_MISSING)
        token, now = self._by_text.get(text or ""), self._now()
        if token is None or token.superseded_at <= now:
            raise ErrcodeError(Errcode.INVALID_CREDENTIAL)
        require(token.expires_at > now, Errcode.TOKEN_EXPIRED)

    def expire_all(self) -> None:
        """End the life of every token now, so that the next call with one gets 42001."""
        for token in self._by_text.values():
            token.expires_at = min(token.expires_at, self._now())

    def _issue(self) -> AccessToken:
        token = AccessToken(self._make(), self._now() + TOKEN_LIFE)
        self._by_text[token.text] = token
        if len(self._by_text) > _REMEMBERED:
            # The stable token may be the oldest by far; it is still in service.
            del self._by_text[next(text for text, held in self._by_text.items() if held is not self._stable)]
        return token
