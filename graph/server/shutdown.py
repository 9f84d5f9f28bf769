"""How a server stops, and whether it has begun to."""

from dataclasses import dataclass


@dataclass(slots=True)
class Shutdown:
    """SIGTERM announces it, and `drain_seconds` of service are left.

    A load balancer has that long to notice that `/readyz` fails; each response asks its client to close the connection.
    Then the socket is closed, and requests in flight have `in_flight_seconds` to finish. SIGINT, from a terminal, skips
    the draining; so does any second signal.
    """

    drain_seconds: float = 0.0
    in_flight_seconds: int = 10
    announced: bool = False
