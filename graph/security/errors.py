"""What can fail in this package, as one family.

SecurityError                    its messages never contain key material or plaintext
├── KeyRingError                 the configured keys cannot be used: refuse to start
├── UnknownKey                   made with a key that the ring does not hold (any more): treat the value as absent
├── Tampered                     not a seal or MAC, or not this key's, or not for this place
├── ServicesError                the configured services cannot be used: refuse to start
├── ServiceUnknown               no service has this secret
├── ScopeMissing                 a service asks for what it may not do
├── RateLimited                  a caller exceeds a rate
└── RateLimitStorageUnusable     the configured storage of rate limits cannot be one: refuse to start
"""


class SecurityError(Exception): ...


class KeyRingError(SecurityError):
    """One sentence for the operator, which names an entry by position: a misplaced key may stand where an id should."""


class UnknownKey(SecurityError):
    def __init__(self, key_id: str) -> None:
        super().__init__(f"the key ring holds no key {key_id}")


class Tampered(SecurityError):
    """Every failure has this one message: telling the causes apart would help only a forger."""

    def __init__(self) -> None:
        super().__init__("the sealed text is malformed, or this key did not seal it for this place")


class ServicesError(SecurityError):
    """The rest of a sentence that begins with the setting's name, and names an entry by position."""


class ServiceUnknown(SecurityError): ...


class ScopeMissing(SecurityError): ...


class RateLimited(SecurityError):
    def __init__(self, retry_after_ms: int) -> None:
        super().__init__("too often")
        self.retry_after_ms = retry_after_ms


class RateLimitStorageUnusable(SecurityError):
    """The rest of a sentence that begins with the setting's name; it never holds the URL, nor its password."""
