"""What is read where it is known whenever Prometheus asks, instead of being counted here."""

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Final

from graph.observability.metrics.figures import Labels, Reading
from models.database import Pool

BREAKER_STATES: Final = ("closed", "half_open", "open")


def build() -> Reading:
    """What is running."""
    running: Mapping[Labels, float] = {(version("wxgate"), platform.python_version()): 1.0}
    return Reading("wxgate_build_info", "What is running.", ("version", "python"), lambda: running)


def wechat_guards(breaker: Callable[[], str], under_way: Callable[[], int]) -> list[Reading]:
    """Which of `BREAKER_STATES` the circuit breaker around WeChat is in, and how many logins are under way."""

    def read_state() -> Mapping[Labels, float]:
        state = breaker()
        return {(name,): float(name == state) for name in BREAKER_STATES}

    return [
        Reading(
            "wxgate_wechat_breaker_state",
            "1 for the state that the circuit breaker around WeChat is in.",
            ("state",),
            read_state,
        ),
        Reading("wxgate_logins_under_way", "Logins that call WeChat, or are about to.", (), lambda: {(): under_way()}),
    ]


def connections(pool: Callable[[], Pool | None]) -> list[Reading]:
    """The database's connections, once there is a pool of them."""

    def read(figures: Callable[[Pool], Mapping[Labels, float]]) -> Callable[[], Mapping[Labels, float]]:
        def now() -> Mapping[Labels, float]:
            known = pool()
            return {} if known is None else figures(known)

        return now

    return [
        Reading(
            "wxgate_database_connections",
            "Connections to PostgreSQL, idle or busy.",
            ("state",),
            read(lambda now: {("idle",): now.idle, ("busy",): now.size - now.idle}),
        ),
        Reading("wxgate_database_connections_max", "How many there may be.", (), read(lambda now: {(): now.most})),
        Reading(
            "wxgate_database_waiting", "Statements that wait for a connection.", (), read(lambda now: {(): now.waiting})
        ),
    ]


def rate_limit_storage(failures: Callable[[], int]) -> Reading:
    """How often the storage of rate limits that replicas share did not answer."""
    return Reading(
        "wxgate_rate_limit_storage_failures",
        "Counts that the shared storage of rate limits did not take.",
        (),
        lambda: {(): failures()},
        total=True,
    )


def sealed_accounts(
    accounts: Callable[[], Mapping[Labels, float]], counted_at: Callable[[], float | None]
) -> list[Reading]:
    """How many accounts each key seals, and when they were counted (epoch seconds), if they ever were."""

    def read_time() -> Mapping[Labels, float]:
        at = counted_at()
        return {} if at is None else {(): at}

    return [
        Reading(
            "wxgate_sealed_accounts",
            "Accounts by the key that seals anything of theirs, and what the key does: encrypts, decrypts, is missing.",
            ("key", "role"),
            accounts,
        ),
        Reading("wxgate_sealed_accounts_timestamp_seconds", "When wxgate_sealed_accounts was counted.", (), read_time),
    ]
