"""The one session_key that is valid for a user at a time, and when it is replaced.

WeChat replaces the key at wx.login, on the phone, before any server sees the code: whatever was encrypted earlier can
no longer be read with the key that the new code brings. A code brings the key that is valid when it is exchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Renewal = Literal["always", "never", "after"]

# WeChat keeps both to itself. Three days is an official answer; the minimum refresh period is known only to exist.
SESSION_KEY_LIFE = 3 * 24 * 3600.0
RENEW_AFTER = 300.0


@dataclass(slots=True)
class SessionKey:
    """`origin` is how it came about: from wx.login, from resetusersessionkey, or unseen by phone and server alike."""

    text: str = field(repr=False)
    issued_at: float
    expires_at: float
    origin: Literal["login", "reset", "unseen"]


@dataclass(slots=True)
class SessionKeys:
    """The valid keys, by the name of the user.

    wx.login replaces one always, never while it lives, or once it is `renew_after` seconds old.
    """

    make: Callable[[], str]
    now: Callable[[], float]
    renew: Renewal
    renew_after: float
    life: float
    _held: dict[str, SessionKey] = field(default_factory=dict)

    def log_in(self, user: str, *, renew: bool | None = None) -> None:
        """What wx.login does to the key; `renew` overrules the policy for this once.

        A key that no login has brought about is always replaced: data collected before wx.login stays unreadable,
        as with WeChat.
        """
        key = self._living(user)
        if key is None or key.origin == "unseen" or (self._is_due(key) if renew is None else renew):
            self._issue(user, "login")
        else:
            key.origin = "login"

    def current(self, user: str) -> str:
        """The valid key; where there is none, a new one that no server has seen."""
        return self._valid(user).text

    def hand_over(self, user: str) -> str:
        """The valid key, given to the server in exchange for a code."""
        key = self._valid(user)
        key.origin = "login"
        return key.text

    def is_of_last_login(self, user: str) -> bool:
        """What wx.checkSession asks: does the key of the last code still live?"""
        return self._valid(user).origin == "login"

    def expire(self, user: str) -> None:
        """Replace the key unseen, as a data prefetch or WeChat's own clock does."""
        self._issue(user, "unseen")

    def reset(self, user: str) -> str:
        """A new key that dies when the old one would have: resetting prolongs nothing."""
        old = self._valid(user)
        self._held[user] = SessionKey(self.make(), old.issued_at, old.expires_at, "reset")
        return self._held[user].text

    def put(self, user: str, text: str) -> None:
        """Make a chosen key the valid one, for tests that reproduce known bytes."""
        self._issue(user, "login", text)

    def _valid(self, user: str) -> SessionKey:
        return self._living(user) or self._issue(user, "unseen")

    def _living(self, user: str) -> SessionKey | None:
        key = self._held.get(user)
        return key if key is not None and key.expires_at > self.now() else None

    def _is_due(self, key: SessionKey) -> bool:
        return self.renew == "always" or (self.renew == "after" and self.now() - key.issued_at >= self.renew_after)

    def _issue(self, user: str, origin: Literal["login", "unseen"], text: str | None = None) -> SessionKey:
        now = self.now()
        self._held[user] = SessionKey(text or self.make(), now, now + self.life, origin)
        return self._held[user]
