"""Which session_key a submission may be signed with: the race between logins and submissions."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.stored import run_sql
from tests.server import LOGIN, SUBMIT, Clock, TestServer, open_server

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def collect(wechat: WeChatSimulator, nick_name: str = "Alice") -> dict[str, Any]:
    """Alice's user info under the session_key that is valid on her phone now."""
    return wechat.user_info("alice", policy="old", nickName=nick_name)


async def assert_stale(server: TestServer, token: str, submission: dict[str, Any]) -> None:
    [error] = (await server.post(SUBMIT, submission, token=token))["errors"]
    assert error["extensions"] | {"requestId": ""} == {
        "code": "SESSION_KEY_STALE",
        "action": "COLLECT_AGAIN",
        "retryable": True,
        "requestId": "",
    }


async def test_what_was_signed_just_before_a_login_is_still_taken_after_it(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    submission = collect(server.wechat)
    await server.login("alice", renewSessionKey=True)
    server.clock.advance(minutes=4, seconds=59)
    assert (await server.submit(token, submission))["nickName"] == "Alice"
    assert server.clock.slept == []


async def test_what_was_signed_before_a_login_is_refused_five_minutes_after_it(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    submission = collect(server.wechat)
    await server.login("alice", renewSessionKey=True)
    server.clock.advance(minutes=5, seconds=1)
    await assert_stale(server, token, submission)
    assert (await server.me(token))["nickName"] is None


@on_sqlite
@pytest.mark.parametrize(("seconds", "taken"), [(50, True), (70, False)])
async def test_a_replaced_key_signs_nothing_collected_a_minute_after_its_replacement(
    server: TestServer, seconds: int, taken: bool
) -> None:
    token = (await server.login("alice"))["token"]
    # Collected with the old key, by its watermark so long after the login that replaces the key.
    server.wechat.advance(seconds)
    submission = collect(server.wechat)
    await server.login("alice", renewSessionKey=True)
    if taken:
        assert (await server.submit(token, submission))["nickName"] == "Alice"
    else:
        await assert_stale(server, token, submission)


async def test_the_key_before_the_previous_one_is_forgotten(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    submission = collect(server.wechat)
    await server.login("alice", renewSessionKey=True)
    await server.login("alice", renewSessionKey=True)
    await assert_stale(server, token, submission)


async def test_logins_that_bring_the_same_key_do_not_push_the_previous_one_out(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    submission = collect(server.wechat)
    await server.login("alice", renewSessionKey=True)
    for _ in range(3):
        await server.login("alice", renewSessionKey=False)
    assert (await server.submit(token, submission))["nickName"] == "Alice"


@on_sqlite
async def test_a_submission_waits_for_a_second_in_all_before_it_is_stale(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    server.wechat.expire_session_key("alice")
    await assert_stale(server, token, collect(server.wechat))
    assert sum(server.clock.slept) == pytest.approx(1)
    # Short at first: most logins are nearly done.
    assert server.clock.slept == sorted(server.clock.slept)
    assert server.clock.slept[0] <= 0.05


async def test_a_stale_submission_succeeds_once_its_advice_is_followed(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    server.wechat.expire_session_key("alice")
    await assert_stale(server, token, collect(server.wechat))
    token = (await server.login("alice", token=token))["token"]
    assert (await server.submit(token, collect(server.wechat)))["nickName"] == "Alice"


@dataclass
class BusyClock(Clock):
    """A clock during whose sleeps something happens, once, in the sleep of the given number."""

    happening: Callable[[], Awaitable[object]] | None = None
    in_sleep: int = 1

    async def sleep(self, seconds: float) -> None:
        """Lets it happen while time passes."""
        await super().sleep(seconds)
        if self.happening is not None and len(self.slept) == self.in_sleep:
            happening, self.happening = self.happening, None
            await happening()


@pytest.mark.parametrize("in_sleep", [1, 5])
async def test_a_submission_waits_for_the_login_that_brings_its_key(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, in_sleep: int
) -> None:
    busy = BusyClock(clock.ms, in_sleep=in_sleep)
    async with open_server(settings, wechat_simulator, busy) as server:
        token = (await server.login("alice"))["token"]
        code = wechat_simulator.login("alice", renewSessionKey=True)
        submission = collect(wechat_simulator)
        busy.happening = lambda: server.post(LOGIN, {"code": code})
        assert (await server.submit(token, submission))["nickName"] == "Alice"
        assert len(busy.slept) == in_sleep


@on_sqlite
async def test_a_submission_finds_the_key_of_a_login_that_another_has_overtaken_meanwhile(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    busy = BusyClock(clock.ms)
    async with open_server(settings, wechat_simulator, busy) as server:
        token = (await server.login("alice"))["token"]
        busy.advance(seconds=1)
        code = wechat_simulator.login("alice", renewSessionKey=True)
        submission = collect(wechat_simulator)
        wechat_simulator.fail("hang", carriedOut=True)
        slow = asyncio.create_task(server.post(LOGIN, {"code": code}))
        await server.wechat_is_asked()
        busy.advance(seconds=1)
        await server.login("alice", renewSessionKey=True)

        async def arrive() -> None:
            wechat_simulator.heal()
            await slow

        busy.happening = arrive
        assert (await server.submit(token, submission))["nickName"] == "Alice"
        assert len(busy.slept) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda raw: raw, ""),
        (lambda raw: json.dumps(json.loads(raw)), " rawData looks re-serialised."),
        (lambda raw: raw.replace("Alice", quote("Алиса")), " rawData looks URL-encoded."),
        (lambda raw: raw.replace("Alice", "R&amp;B"), " rawData looks HTML-escaped."),
    ],
    ids=["as it is", "re-serialised", "URL-encoded", "HTML-escaped"],
)
async def test_a_stale_submission_hears_of_a_likelier_cause(
    server: TestServer, change: Callable[[str], str], hint: str
) -> None:
    token = (await server.login("alice"))["token"]
    server.wechat.expire_session_key("alice")
    submission = collect(server.wechat)
    submission["rawData"] = change(submission["rawData"])
    [error] = (await server.post(SUBMIT, submission, token=token))["errors"]
    assert error["extensions"]["code"] == "SESSION_KEY_STALE"
    advice = f"{hint} Send res.rawData exactly as WeChat gave it." if hint else ""
    assert error["message"] == (
        f"The data was signed with another session_key: log in, collect it again, submit it again.{advice}"
    )


@on_sqlite
async def test_a_submission_does_not_wait_for_somebody_elses_login(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    busy = BusyClock(clock.ms)
    async with open_server(settings, wechat_simulator, busy) as server:
        token = (await server.login("alice"))["token"]
        wechat_simulator.login("alice", renewSessionKey=True)
        submission = collect(wechat_simulator)
        busy.happening = lambda: server.login("bob")
        await assert_stale(server, token, submission)
        assert busy.happening is None


async def test_a_person_who_is_erased_during_a_submission_is_nobody(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    busy = BusyClock(clock.ms)
    async with open_server(settings, wechat_simulator, busy) as server:
        token = (await server.login("alice"))["token"]
        wechat_simulator.expire_session_key("alice")
        busy.happening = lambda: run_sql(settings, "DELETE FROM users")
        submission = collect(wechat_simulator)
        assert await server.code_of_error(SUBMIT, submission, token=token) == "UNAUTHENTICATED"


async def test_a_key_that_the_server_cannot_unseal_is_no_key(
    server: TestServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    token = (await server.login("alice"))["token"]
    await run_sql(settings, "UPDATE accounts SET session_key = replace(session_key, 'v1.k1.', 'v1.k9.')")
    await assert_stale(server, token, collect(server.wechat))
    assert {vars(record)["reason"] for record in caplog.records if "stored session_key" in record.message} == {
        "UnknownKey"
    }
    token = (await server.login("alice", renewSessionKey=True))["token"]
    assert (await server.submit(token, collect(server.wechat)))["nickName"] == "Alice"


@on_sqlite
async def test_a_key_sealed_for_somebody_else_is_no_key(server: TestServer, settings: Settings) -> None:
    await server.login("bob")
    token = (await server.login("alice"))["token"]
    await run_sql(
        settings,
        "UPDATE accounts SET session_key = (SELECT session_key FROM accounts ORDER BY id LIMIT 1) "
        "WHERE id = (SELECT MAX(id) FROM accounts)",
    )
    await assert_stale(server, token, collect(server.wechat))


async def test_the_database_holds_no_session_key(server: TestServer, settings: Settings) -> None:
    await server.login("alice")
    current = server.wechat.state.session_keys.current("alice")
    await server.login("alice", renewSessionKey=True)
    [account] = await run_sql(settings, "SELECT * FROM accounts")
    assert account["session_key"].startswith("v1.k1.")
    assert account["previous_session_key"].startswith("v1.k1.")
    for session_key in (current, server.wechat.state.session_keys.current("alice")):
        assert session_key not in str(account)
