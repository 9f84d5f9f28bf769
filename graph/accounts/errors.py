"""What the server refuses to do for a person.

AccountError
├─ Unauthenticated    no token, or one that is malformed, unknown, expired or superseded
├─ SessionKeyStale    no session_key that the server holds signed the submission
└─ KeyRingMismatch    the encryption keys are not those that the database was written with
"""


class AccountError(Exception):
    """A use case that could not be carried out."""


class Unauthenticated(AccountError):
    """The request needs a person to be signed in, and its token names nobody."""


class SessionKeyStale(AccountError):
    """The submission was signed with a session_key that WeChat has replaced, or that the server never saw."""


class KeyRingMismatch(AccountError):
    """The message names key ids, never keys."""
