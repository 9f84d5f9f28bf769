"""What of submitted user info is kept."""

from typing import Any, Final

import pytest

from graph.simulator.serving import WeChatSimulator
from tests.server import SUBMIT, TestServer

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

REAL: Final = {
    "nickName": "Панда",
    "avatarUrl": "https://thirdwx.qlogo.cn/mmopen/vi_32/Q0j4TwGTfTK/132",
    "gender": 1,
    "city": "Guangzhou",
    "province": "Guangdong",
    "country": "China",
    "language": "zh_CN",
}
GREY_PICTURES: Final = (
    "https://thirdwx.qlogo.cn/mmopen/vi_32/"
    "POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSyXwibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg/132",
    "http://mmbiz.qpic.cn/mmbiz/"
    "icTdbqWNOwNRna42FI242Lcia07jQodd2FJGIYQfG0LAJGFxM4FbnQP6yfMxBgJ0F3YRqJCJ1aPAK2dQagdusBZg/0",
)


def collected_later(wechat: WeChatSimulator, **fields: object) -> dict[str, Any]:
    """Alice's user info, collected ten seconds after whatever was collected before."""
    wechat.advance(10)
    return wechat.user_info("alice", policy="old", **fields)


async def test_the_same_submission_again_changes_nothing(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    submission = server.wechat.user_info("alice", policy="old", **REAL)
    first = await server.submit(token, submission)
    server.clock.advance(minutes=5)
    assert await server.submit(token, submission) == first
    assert await server.me(token) == first


async def test_a_submission_tells_when_it_was_taken(server: TestServer) -> None:
    login = await server.login("alice")
    server.clock.advance(seconds=90)
    person = await server.submit(login["token"], server.wechat.user_info("alice", policy="old", **REAL))
    assert person["createdAt"] == login["user"]["createdAt"] == login["user"]["updatedAt"]
    assert person["updatedAt"] > person["createdAt"]


async def test_a_newer_submission_replaces_an_older_one_and_never_the_other_way_round(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    older = server.wechat.user_info("alice", policy="old", nickName="Older", city="Shenzhen")
    newer = collected_later(server.wechat, nickName="Newer", city="")
    assert (await server.submit(token, older))["nickName"] == "Older"
    person = await server.submit(token, newer)
    assert (person["nickName"], person["city"]) == ("Newer", None)
    assert await server.submit(token, older) == person


async def test_an_older_submission_that_arrives_late_is_not_kept(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    older = server.wechat.user_info("alice", policy="old", nickName="Older")
    newer = collected_later(server.wechat, nickName="Newer")
    assert await server.submit(token, newer) == await server.submit(token, older)


async def test_the_placeholders_of_wechat_are_shown_until_there_is_something_better(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    person = await server.submit(token, server.wechat.user_info("alice", policy="new"))
    assert person["nickName"] == "微信用户"
    assert person["avatarUrl"] == GREY_PICTURES[0]
    assert person["isAnonymous"]
    person = await server.submit(token, collected_later(server.wechat, **REAL))
    assert (person["nickName"], person["avatarUrl"]) == (REAL["nickName"], REAL["avatarUrl"])
    assert not person["isAnonymous"]


@pytest.mark.parametrize("grey_picture", GREY_PICTURES, ids=["grey", "older grey"])
async def test_the_placeholders_of_wechat_never_replace_a_real_name_or_picture(
    server: TestServer, grey_picture: str
) -> None:
    token = (await server.login("alice"))["token"]
    real = await server.submit(token, server.wechat.user_info("alice", policy="old", **REAL))
    nothing: dict[str, object] = {"gender": 0, "city": "", "province": "", "country": "", "language": ""}

    anonymous = collected_later(server.wechat, nickName="微信用户", avatarUrl=grey_picture, **nothing)
    person = await server.submit(token, anonymous)

    assert person == real | {"updatedAt": person["updatedAt"]}
    assert person["gender"] == "MALE"


@on_sqlite
@pytest.mark.parametrize("grey_picture", [*GREY_PICTURES, ""], ids=["grey", "older grey", "none"])
async def test_a_new_name_is_taken_even_where_the_picture_is_grey(server: TestServer, grey_picture: str) -> None:
    token = (await server.login("alice"))["token"]
    await server.submit(token, server.wechat.user_info("alice", policy="old", **REAL))
    person = await server.submit(token, collected_later(server.wechat, nickName="Renamed", avatarUrl=grey_picture))
    assert (person["nickName"], person["avatarUrl"]) == ("Renamed", REAL["avatarUrl"])


@on_sqlite
async def test_a_new_picture_is_taken_even_where_the_name_is_none(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    await server.submit(token, server.wechat.user_info("alice", policy="old", **REAL))
    picture = "https://thirdwx.qlogo.cn/mmopen/vi_32/another/132"
    person = await server.submit(token, collected_later(server.wechat, nickName="微信用户", avatarUrl=picture))
    assert (person["nickName"], person["avatarUrl"]) == (REAL["nickName"], picture)


@pytest.mark.parametrize("api", ["getUserInfo", "getUserProfile"])
async def test_either_call_of_the_mini_program_is_understood(server: TestServer, api: str) -> None:
    token = (await server.login("alice"))["token"]
    person = await server.submit(token, server.wechat.user_info("alice", policy="old", api=api, **REAL))
    assert {name: person[name] for name in REAL} == REAL | {"gender": "MALE"}


async def test_any_name_comes_back_as_it_went_in(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    for nick_name in ("'; DROP TABLE users; --", "a$1?1%s\\", " مرحبا  𞤀", "👨‍👩‍👧‍👦" * 20):
        person = await server.submit(token, collected_later(server.wechat, nickName=nick_name))
        assert person["nickName"] == nick_name
        assert await server.me(token) == person


@on_sqlite
async def test_user_info_goes_to_nobody_but_the_person_it_is_about(server: TestServer) -> None:
    alice, bob = [(await server.login(person))["token"] for person in ("alice", "bob")]
    await server.submit(alice, server.wechat.user_info("alice", policy="old", **REAL))
    assert (await server.me(bob))["nickName"] is None
    of_alice = server.wechat.user_info("alice", policy="old", **REAL)
    assert await server.code_of_error(SUBMIT, of_alice, token=bob) == "SESSION_KEY_STALE"
    assert (await server.me(bob))["nickName"] is None


@on_sqlite
async def test_user_info_needs_somebody_to_be_signed_in(server: TestServer) -> None:
    await server.login("alice")
    assert await server.code_of_error(SUBMIT, server.wechat.user_info("alice")) == "UNAUTHENTICATED"


@on_sqlite
@pytest.mark.parametrize(
    ("days", "seconds", "taken"), [(0, -290, True), (0, -320, False), (1, -60, True), (1, 60, False)]
)
async def test_user_info_must_be_of_the_last_day_and_not_of_the_future(
    server: TestServer, days: int, seconds: int, taken: bool
) -> None:
    token = (await server.login("alice"))["token"]
    submission = server.wechat.user_info("alice", policy="old", **REAL)
    server.clock.advance(days=days, seconds=seconds)
    if taken:
        assert (await server.submit(token, submission))["nickName"] == REAL["nickName"]
        return
    [error] = (await server.post(SUBMIT, submission, token=token))["errors"]
    assert error["extensions"] | {"requestId": ""} == {
        "code": "WATERMARK_OUT_OF_RANGE",
        "action": "COLLECT_AGAIN",
        "retryable": True,
        "requestId": "",
    }
    server.clock.advance(days=-days, seconds=-seconds)
    assert (await server.me(token))["nickName"] is None
