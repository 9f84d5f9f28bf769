"""Security events: lines of the log that operators find by their field `event`, which stays the same.

All are INFO, for strangers can cause most of them. The rate limits bound their number; that one is reached is written
once for a client and window. No field is a secret, an openid or a whole address.
`examples/observability/README.md` lists them with their fields.
"""

import ipaddress
import logging
from enum import Enum, unique
from typing import Final, NamedTuple

# A name of its own, not the module's: applications that embed the server may send these lines elsewhere.
_log: Final = logging.getLogger("wxgate.security")


class Client(NamedTuple):
    """Who sent a request: the address as `graph.http.client_address` counts it, and the request's id in the log."""

    address: str
    request_id: str


@unique
class SecurityEvent(Enum):
    """A member's name, in lower case, is the event's id; its value is the message.

    What a new device is, `models.logins.SignedInRecord` says. Without a right signature, a submission may be forged, or
    signed with a session_key that WeChat has replaced.
    """

    LOGIN_FROM_NEW_DEVICE = "a user with sessions elsewhere signed in on a new device"
    SESSION_SUPERSEDED = "a login superseded a session"
    SESSION_ENDED = "a user ended a session"
    OTHER_SESSIONS_ENDED = "a user ended all their other sessions"
    SUBMISSION_REFUSED = "a submission was refused"
    RATE_LIMIT_REACHED = "a rate limit was reached"
    USER_BLOCKED = "WeChat does not let a user sign in"
    ENCRYPTION_KEYS_ROTATED = "session_keys were sealed with the current encryption key"
    ENCRYPTION_KEY_RETIRED = "an encryption key was retired"
    USERS_MERGED = "a user was merged into another"
    USER_EXPORTED = "a user took out what is kept of them"
    USER_DELETED = "a user deleted themselves"
    CODE_OF_ANOTHER_USER = "a code showed another user to be there than the one who is signed in"
    SERVICE_REFUSED = "a service was refused"

    def log(self, client: Client | None = None, **fields: object) -> None:
        """Writes one line; `client` is None where an operator did it. No field may be a secret."""
        if client is not None:
            fields |= {"address": _network(client.address), "request_id": client.request_id}
        _log.info(self.value, extra={"event": self.name.lower(), **fields})


def _network(address: str) -> str:
    """A /24 of IPv4; of IPv6 the /56 that rate limits count."""
    try:
        network = ipaddress.ip_network(address)
    except ValueError:  # not known
        return address
    return str(network.supernet(new_prefix=24)) if network.version == 4 else address
