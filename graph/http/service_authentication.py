"""Which service sends a request: HTTP Basic with its name and secret, or the secret alone as a bearer token."""

import base64
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import Scope

from graph.errors import ErrorCode
from graph.http.access_log import record_of
from graph.security.errors import RateLimited, ScopeMissing, ServiceUnknown
from graph.security.events import Client
from graph.security.service_credentials import Service, ServiceCredentials, ServiceScope
from graph.server.http_error import HttpError


@dataclass(frozen=True, slots=True, eq=False)
class ServiceAuthentication:
    """Lets services in to the endpoints that are theirs."""

    credentials: ServiceCredentials
    address_of: Callable[[Scope], str]

    def require(self, request: Scope, scope: ServiceScope) -> Service:
        """The service that sends the request and may do what `scope` is. Raises `HttpError`."""
        authorization: str = request["state"]["headers"].get(b"authorization", "").strip()
        if not authorization:  # many clients send credentials only after they were asked for them
            raise _unauthenticated()
        client = Client(self.address_of(request), record_of(request).request_id)
        try:
            return self.credentials.authenticate(*_name_and_secret(authorization), client, scope=scope)
        except ServiceUnknown:
            raise _unauthenticated() from None
        except ScopeMissing:
            raise HttpError(403, ErrorCode.FORBIDDEN, f"This service lacks the scope {scope}.") from None
        except RateLimited as error:
            message = "Too many requests from here had a wrong secret."
            raise HttpError(429, ErrorCode.RATE_LIMITED, message, retry_after_ms=error.retry_after_ms) from None


def _name_and_secret(authorization: str) -> tuple[str | None, str]:
    """What the header holds: no name if it is of the scheme Bearer, nothing if it is of none of the two."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return None, value.strip()
    try:
        text = base64.b64decode(value.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
    except ValueError:
        text = ""
    name, _, secret = text.partition(":")
    return name, secret


def _unauthenticated() -> HttpError:
    challenge = {"WWW-Authenticate": 'Basic realm="wxgate"'}
    return HttpError(401, ErrorCode.UNAUTHENTICATED, "This needs the name and secret of a service.", headers=challenge)
