"""PostgreSQL that restarts: what was in flight is sent again, and the rest notices nothing."""

import asyncio

import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from models.database import Database
from tests.accounts.test_session_list import LOGOUT, REVOKE, REVOKE_OTHERS, id_of
from tests.databases import new_postgres_url
from tests.faults.postgres_server import OwnPostgres
from tests.faults.proxy import FaultProxy
from tests.faults.recovery import BOUND, every_connection_is_idle, recovered, refused, soon
from tests.models.rows import column
from tests.server import LOGIN, ME, SUBMIT, Clock, open_server, settings_for


async def test_requests_whose_database_connections_are_cut_succeed(
    patient: Settings, wechat_simulator: WeChatSimulator, clock: Clock, network: FaultProxy
) -> None:
    async with asyncio.timeout(BOUND), open_server(patient, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        submission = wechat_simulator.user_info("alice", policy="old")
        for _ in range(3):
            await network.turn("blackhole")
            under_way = [
                *[asyncio.create_task(server.post(ME, token=token)) for _ in range(10)],
                asyncio.create_task(server.post(SUBMIT, submission, token=token)),
                asyncio.create_task(server.post(LOGIN, {"code": wechat_simulator.login("bob")})),
            ]
            # The people of those who ask at once are looked up together, apart from what a login asks.
            await soon(lambda: network.held >= 2)
            network.cut()
            await network.turn("pass")
            answers = await asyncio.gather(*under_way)
            assert [answer for answer in answers if "errors" in answer] == []
        await every_connection_is_idle()


async def test_a_login_whose_answer_from_the_database_is_lost_is_stored_once(
    patient: Settings, wechat_simulator: WeChatSimulator, clock: Clock, network: FaultProxy, distant_url: str
) -> None:
    async with asyncio.timeout(BOUND), open_server(patient, wechat_simulator, clock) as server:
        for new in (True, False):
            wechat_simulator.fail("hang")
            login = asyncio.create_task(server.post(LOGIN, {"code": wechat_simulator.login("alice")}))
            await server.wechat_is_asked()
            await network.turn("lose_answer")
            wechat_simulator.heal()
            payload = (await login)["data"]["login"]
            assert network.mode == "pass", "no answer was lost"
            assert payload["isNewUser"] == new
            assert (await server.me(payload["token"]))["id"] == payload["user"]["id"]
    async with Database(distant_url) as database:
        assert await column(database, "SELECT COUNT(*) FROM users") == [1]
        assert await column(database, "SELECT COUNT(*) FROM sessions") == [2]


async def test_a_submission_whose_answer_from_the_database_is_lost_is_kept_and_answered(
    patient: Settings, wechat_simulator: WeChatSimulator, clock: Clock, network: FaultProxy
) -> None:
    async with asyncio.timeout(BOUND), open_server(patient, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        submission = wechat_simulator.user_info("alice", policy="old", nickName="Панда")
        asked = 0
        while asked < 10 and network.mode == "pass":
            # The session, the keys, the profile: each answer is lost once.
            clock.advance(seconds=1)
            await network.turn("lose_answer")
            assert (await server.submit(token, submission))["nickName"] == "Панда"
            asked += 1
        assert (asked, (await server.me(token))["nickName"]) == (10, "Панда")


@pytest.mark.parametrize(
    ("mutation", "answer"),
    [(LOGOUT, {"logout": True}), (REVOKE, {"revokeSession": True}), (REVOKE_OTHERS, {"revokeOtherSessions": 1})],
    ids=["logout", "revokeSession", "revokeOtherSessions"],
)
async def test_an_end_of_a_session_counts_once_though_the_answer_to_its_commit_is_lost(
    patient: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    network: FaultProxy,
    distant_url: str,
    mutation: str,
    answer: dict[str, object],
) -> None:
    async with asyncio.timeout(BOUND), open_server(patient, wechat_simulator, clock) as server:
        phone, tablet = [(await server.login("alice"))["token"] for _ in range(2)]
        await server.login("bob")
        await network.turn("lose_commit")
        assert (await server.post(mutation, {"id": id_of(tablet)}, token=phone))["data"] == answer
        assert network.mode == "pass", "no answer was lost"
        ended, kept = (phone, tablet) if mutation == LOGOUT else (tablet, phone)
        assert await server.code_of_error(ME, token=ended) == "UNAUTHENTICATED"
        assert await server.me(kept) is not None
    async with Database(distant_url) as database:
        assert await column(database, "SELECT COUNT(*) FROM sessions") == [2]
        assert await column(database, "SELECT COUNT(*) FROM audit_log WHERE action <> 'user_created'") == [1]


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, postgres_of_own: OwnPostgres) -> Settings:
    url = new_postgres_url(postgres_of_own.directory)
    return settings_for(wechat_simulator, f"{url}&maxsize=5&timeout=1&command_timeout=1")


async def test_a_restart_costs_what_is_asked_while_it_lasts_and_nothing_afterwards(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, postgres_of_own: OwnPostgres
) -> None:
    async with asyncio.timeout(BOUND), open_server(settings, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        code = wechat_simulator.login("bob")
        for _ in range(2):
            await asyncio.gather(*[server.me(token) for _ in range(20)])
            await asyncio.to_thread(postgres_of_own.stop)
            await refused(server, token=token, code=code)
            await asyncio.to_thread(postgres_of_own.start)
            answers = await asyncio.gather(*[server.post(ME, token=token) for _ in range(20)])
            assert [answer for answer in answers if "errors" in answer] == []
        await recovered(server, token=token, code=code)


async def test_a_frozen_server_is_given_up_in_time_and_used_again(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, postgres_of_own: OwnPostgres
) -> None:
    async with asyncio.timeout(BOUND), open_server(settings, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        code = wechat_simulator.login("bob")
        await asyncio.gather(*[server.me(token) for _ in range(20)])
        postgres_of_own.freeze()
        try:
            await asyncio.gather(*[refused(server, token=token, code=code) for _ in range(10)])
        finally:
            postgres_of_own.thaw()
        await recovered(server, token=token, code=code)
