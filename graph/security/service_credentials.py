"""Credentials of other services: each has a secret, which the server knows only by hash, and what it may do.

An entry is text, `<name>:<hash>:<scopes>`: a name of 1 to 32 characters a-z 0-9 _ -, the `TokenHash` of a
`ServiceSecret`, and scopes joined by `+`. A name may have several entries, so that a secret can be replaced.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final

from graph.security.errors import ScopeMissing, ServicesError, ServiceUnknown
from graph.security.events import Client, SecurityEvent
from graph.security.rate_limit import TokenBuckets
from graph.security.tokens import ServiceSecret, TokenHash

# Wrong credentials an address, in each process. No secret is guessed, at whatever rate: this bounds the log.
FAILURES: Final = "600/minute"

_BAD_NAME: Final = "it must begin with a name of 1 to 32 characters a-z 0-9 _ - and a colon"
_NAME: Final = re.compile(r"[a-z0-9_-]{1,32}")
_HASH: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@unique
class ServiceScope(StrEnum):
    """What a service may do: nothing is here that no endpoint asks for."""

    USERS = "users"


@dataclass(frozen=True, slots=True)
class Service:
    """One entry. Without a scope it is known and may do nothing."""

    name: str
    secret_hash: TokenHash = field(repr=False)
    scopes: frozenset[ServiceScope]


def parse_services(text: str) -> Sequence[Service]:
    """Reads one entry or several, with commas between; space around them is ignored. Raises `ServicesError`."""
    services: list[Service] = []
    for position, entry in enumerate(text.split(","), start=1):
        name, _, rest = entry.strip().partition(":")
        secret_hash, _, scopes = rest.partition(":")
        if not _NAME.fullmatch(name):
            raise _fault(position, _BAD_NAME)
        if not _HASH.fullmatch(secret_hash):
            raise _fault(position, "its second part must be the hash that `wxgate services new` printed")
        if secret_hash in {service.secret_hash for service in services}:
            raise _fault(position, "it has the secret of an earlier entry")
        named = set(scopes.split("+")) if scopes else set()
        if not named <= set(ServiceScope):
            raise _fault(position, f"its scopes must be of {', '.join(ServiceScope)}, joined by +")
        services.append(Service(name, TokenHash(secret_hash), frozenset(map(ServiceScope, named))))
    return services


def issue_entry(name: str, scopes: Sequence[str]) -> tuple[ServiceSecret, str]:
    """A new secret, and the entry that knows it. Raises `ServicesError`."""
    if not _NAME.fullmatch(name):
        raise _fault(1, _BAD_NAME)
    secret = ServiceSecret.issue()
    return secret, f"{name}:{secret.hash()}:{'+'.join(dict.fromkeys(scopes))}"


def _fault(position: int, fault: str) -> ServicesError:
    return ServicesError(f"has a fault in entry {position}: {fault}")


class ServiceCredentials:
    """The services that are let in. An address has as many failures as `failures` has tokens."""

    def __init__(self, services: Sequence[Service], failures: TokenBuckets) -> None:
        self._services = services
        self._names = {service.name for service in services}
        self._failures = failures

    def authenticate(self, name: str | None, secret: str, client: Client, *, scope: ServiceScope) -> Service:
        """The service with this secret, and this name if one is given, which may do what `scope` is.

        Raises `ServiceUnknown`, `ScopeMissing`, and `RateLimited` in place of the first after too many failures: those
        who share an address with a guesser are let in.
        """
        service = self._find(name, secret)
        if service is None:
            self._failures.take(client)
            # Another name may be the secret, in the wrong place.
            known = {"service": name} if name in self._names else {}
            SecurityEvent.SERVICE_REFUSED.log(client, reason="secret", **known)
            raise ServiceUnknown
        if scope not in service.scopes:
            SecurityEvent.SERVICE_REFUSED.log(client, reason="scope", service=service.name)
            raise ScopeMissing
        return service

    def _find(self, name: str | None, secret: str) -> Service | None:
        parsed = ServiceSecret.parse(secret)
        secret_hash = parsed.hash() if parsed else ""
        # All of them, whichever is named: how long it takes reveals no name.
        same = [service for service in self._services if hmac.compare_digest(service.secret_hash, secret_hash)]
        return next((service for service in same if name in {None, service.name}), None)
