"""What the server refuses to do for a user or an operator.

AccountError
├─ Unauthenticated    no token, or one that is malformed, unknown, expired or superseded
├─ SessionKeyStale    no session_key that the server holds signed the submission
├─ LoginNotStored     WeChat took the code, but the database could not take the login
├─ LoginsTooFrequent  WeChat took the code, but its user has signed in too often
├─ KeyRingMismatch    the encryption keys are not those that the database was written with
├─ KeyInUse           an encryption key cannot be retired while it seals something
└─ UnknownKey         no such encryption key was ever in use
"""


class AccountError(Exception):
    """A use case that could not be carried out."""


class Unauthenticated(AccountError):
    """The request needs a signed-in user, and its token is none's."""


class SessionKeyStale(AccountError):
    """The submission was signed with a session_key that WeChat has replaced, or that the server never saw.

    `hint`, safe to show, names a likelier cause, if any.
    """

    def __init__(self, hint: str | None = None) -> None:
        super().__init__("no session_key signed this")
        self.hint = hint


class LoginNotStored(AccountError):
    """The code is spent and no user signed in: repeating the request cannot help, a new code can."""


class LoginsTooFrequent(AccountError):
    """The code is spent; a new one is worth something after `retry_after_ms` milliseconds."""

    def __init__(self, retry_after_ms: int) -> None:
        super().__init__("too many logins of one user")
        self.retry_after_ms = retry_after_ms


class KeyRingMismatch(AccountError):
    """The message names key ids, never keys."""


class KeyInUse(AccountError):
    """The message names the key's id, and says what to do first."""


class UnknownKey(AccountError):
    """The message names the key's id."""
