"""What WeChat is asked about a text and a picture, and what is made of its answers."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx
import pytest
import respx

from graph.wechat.client import WeChatClient
from graph.wechat.content_check import Suggest, TextVerdict
from graph.wechat.errors import (
    CircuitOpen,
    UserUnseen,
    WeChatError,
    WeChatMisconfigured,
    WeChatRateLimited,
    WeChatUnavailable,
)
from tests.wechat.fake_server import (
    APP,
    OPENID,
    RID,
    TOKEN,
    FakeServer,
    Pauses,
    all_that_it_says,
    client,
    http,
    refusal,
)

STABLE_TOKEN: Final = "https://api.weixin.qq.com/cgi-bin/stable_token"
TEXT: Final = "https://api.weixin.qq.com/wxa/msg_sec_check"
PICTURE: Final = "https://api.weixin.qq.com/wxa/media_check_async"
CONTENT, NICKNAME = "小明secretly\n广州", "小明secretly"
URL: Final = "https://api.example.com/avatars/AAAAAAAAAAAAAAAAAAAAAA.jpg"
TRACE_ID: Final = "6928c6f6-00000000-00000001"
PASSED: Final = {"errcode": 0, "errmsg": "ok", "trace_id": TRACE_ID, "result": {"suggest": "pass", "label": 100}}
TAKEN: Final = {"errcode": 0, "errmsg": "ok", "trace_id": TRACE_ID}

Call = Callable[[WeChatClient], Awaitable[object]]


async def check_text(wechat: WeChatClient) -> TextVerdict:
    return await wechat.check_text(APP, openid=OPENID, content=CONTENT, nickname=NICKNAME)


async def check_picture(wechat: WeChatClient) -> str:
    return await wechat.check_picture(APP, openid=OPENID, url=URL)


EACH: Final = pytest.mark.parametrize("call", [check_text, check_picture], ids=["text", "picture"])


def answering(*responses: httpx.Response) -> respx.MockRouter:
    """A WeChat that gives a token, and each of the responses to a check, whichever it is."""
    wechat_side = respx.MockRouter()
    wechat_side.post(STABLE_TOKEN).respond(json={"access_token": TOKEN, "expires_in": 7200})
    wechat_side.post(url__regex="/wxa/", name="check").mock(side_effect=[*responses])
    return wechat_side


async def failure(call: Call, *responses: httpx.Response) -> WeChatError:
    async with client(answering(*responses).async_handler) as wechat:
        with pytest.raises(WeChatError) as caught:
            await call(wechat)
    return caught.value


async def verdict(**answer: object) -> TextVerdict:
    async with client(answering(httpx.Response(200, json=answer)).async_handler) as wechat:
        return await check_text(wechat)


async def test_a_text_is_sent_in_real_utf8_with_a_length() -> None:
    server = FakeServer(
        lambda target: http({"access_token": TOKEN, "expires_in": 7200} if "stable_token" in target else PASSED)
    )
    async with server.listening() as url, client(base_url=url) as wechat:
        assert await check_text(wechat) == TextVerdict(Suggest.PASS, 100, TRACE_ID)
    head, body = server.heads[-1].decode().lower(), server.bodies[-1]
    assert head.startswith(f"post /wxa/msg_sec_check?access_token={TOKEN} http/1.1\r\n")
    assert f"\r\ncontent-length: {len(body)}\r\n" in head
    assert "小明".encode() in body
    fields = {"version": 2, "scene": 1, "openid": OPENID, "content": CONTENT, "nickname": NICKNAME}
    assert json.loads(body) == fields


async def test_a_text_without_a_nickname_has_none() -> None:
    wechat_side = answering(httpx.Response(200, json=PASSED))
    async with client(wechat_side.async_handler) as wechat:
        await wechat.check_text(APP, openid=OPENID, content="广州", nickname="")
    assert "nickname" not in json.loads(wechat_side["check"].calls.last.request.content)


async def test_a_picture_is_asked_about_by_its_address() -> None:
    wechat_side = answering(httpx.Response(200, json=TAKEN))
    async with client(wechat_side.async_handler) as wechat:
        assert await check_picture(wechat) == TRACE_ID
    request = wechat_side["check"].calls.last.request
    assert str(request.url) == f"{PICTURE}?access_token={TOKEN}"
    fields = {"version": 2, "scene": 1, "openid": OPENID, "media_type": 2, "media_url": URL}
    assert json.loads(request.content) == fields


@pytest.mark.parametrize("detail", [[{"strategy": "keyword", "errcode": 0}], [], None, {"suggest": "pass"}], ids=str)
async def test_the_result_decides_whatever_the_details_hold(detail: object) -> None:
    found = await verdict(**PASSED | {"result": {"suggest": "risky", "label": 20002}, "detail": detail})
    assert found == TextVerdict(Suggest.RISKY, 20002, TRACE_ID)


@pytest.mark.parametrize(
    ("result", "suggest", "label"),
    [
        ({"suggest": "review", "label": 20001}, Suggest.REVIEW, 20001),
        ({"suggest": " Risky", "label": "20001"}, Suggest.RISKY, 20001),
        ({"suggest": "risky"}, Suggest.RISKY, 21000),
        ({"suggest": "pass", "label": None}, Suggest.PASS, 100),
        ({"suggest": "risky", "label": True}, Suggest.RISKY, 21000),
        ({"suggest": "risky", "label": -1}, Suggest.RISKY, 21000),
        ({"suggest": "risky", "label": 10**10}, Suggest.RISKY, 21000),
        ({"suggest": "risky", "label": 2.5}, Suggest.RISKY, 21000),
        ({"suggest": "risky", "label": [20001]}, Suggest.RISKY, 21000),
    ],
    ids=str,
)
async def test_an_odd_label_does_not_hide_a_suggestion(result: dict[str, object], suggest: Suggest, label: int) -> None:
    assert await verdict(**PASSED | {"result": result}) == TextVerdict(suggest, label, TRACE_ID)


@pytest.mark.parametrize("trace_id", [None, 7, "", "a b", "a" * 65, "é"], ids=str)
async def test_a_text_needs_no_trace_id_and_a_picture_does(trace_id: object) -> None:
    assert await verdict(**PASSED | {"trace_id": trace_id}) == TextVerdict(Suggest.PASS, 100, "")
    error = await failure(check_picture, httpx.Response(200, json=TAKEN | {"trace_id": trace_id}))
    assert isinstance(error, WeChatUnavailable)
    assert error.reason == "missing trace_id"


@pytest.mark.parametrize("result", [None, {}, [], "pass", {"suggest": "fine"}, {"suggest": ["pass"]}], ids=str)
async def test_an_answer_without_a_result_is_no_pass(result: object) -> None:
    error = await failure(check_text, httpx.Response(200, json=PASSED | {"result": result}))
    assert isinstance(error, WeChatUnavailable)
    assert error.reason == "missing result"


async def test_the_errcode_of_the_first_version_is_a_risky_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with client(answering(refusal(87014)).async_handler) as wechat:
        assert await check_text(wechat) == TextVerdict(Suggest.RISKY, 21000, "")
    assert caplog.records == [], "users cause this"


@EACH
@pytest.mark.parametrize(
    ("errcode", "kind", "calls"),
    [
        (61010, UserUnseen, 1),
        (40003, UserUnseen, 1),
        (43104, UserUnseen, 1),
        (45009, WeChatRateLimited, 1),
        (45011, WeChatRateLimited, 1),
        (48001, WeChatMisconfigured, 1),
        (45002, WeChatMisconfigured, 1),
        (-1, WeChatUnavailable, 2),
    ],
)
async def test_each_errcode_is_an_error_of_its_kind(
    call: Call, errcode: int, kind: type[WeChatError], calls: int
) -> None:
    wechat_side = answering(refusal(errcode), refusal(errcode))
    async with client(wechat_side.async_handler) as wechat:
        with pytest.raises(kind) as caught:
            await call(wechat)
    assert type(caught.value) is kind
    assert (caught.value.errcode, caught.value.rid) == (errcode, RID)
    assert wechat_side["check"].call_count == calls


@EACH
async def test_a_user_who_was_not_seen_is_no_alarm_and_stops_no_other(
    call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    success = httpx.Response(200, json=PASSED)
    async with client(answering(*[refusal(61010)] * 20, success).async_handler) as wechat:
        for _ in range(20):
            with pytest.raises(UserUnseen, match="not within two hours"):
                await call(wechat)
        await call(wechat)
    assert caplog.records == []


async def test_a_quota_that_is_used_up_stops_checks_of_its_kind_alone() -> None:
    used_up = [refusal(45009)] * 3
    async with client(answering(*used_up, httpx.Response(200, json=TAKEN)).async_handler) as wechat:
        for _ in range(4):
            with pytest.raises(WeChatRateLimited):
                await check_text(wechat)
        assert await check_picture(wechat) == TRACE_ID
        assert wechat.breaker(APP, "check_text").state == "open"
        assert wechat.breaker(APP, "check_picture").state == wechat.breaker(APP).state == "closed"


@EACH
async def test_a_refused_token_is_renewed_and_the_check_made_again(call: Call) -> None:
    tokens = iter([TOKEN, TOKEN.upper()])
    answers = iter([refusal(40001), httpx.Response(200, json=PASSED)])

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/cgi-bin/stable_token":
            return httpx.Response(200, json={"access_token": next(tokens), "expires_in": 7200})
        return next(answers)

    async with client(respond) as wechat:
        await call(wechat)
    assert next(answers, None) is None


@EACH
async def test_no_slot_is_left_to_checks_where_logins_need_it(call: Call) -> None:
    async with client(answering().async_handler, max_connections=2) as wechat:
        with wechat.slot(APP, "check_text"), pytest.raises(CircuitOpen):
            await call(wechat)
        assert wechat.slots_in_use == 0


FAULTS: Final[dict[str, Callable[[], httpx.Response]]] = {
    "unseen": lambda: refusal(61010, f"code is expired {OPENID} {CONTENT} {URL} rid: {RID}"),
    "misconfigured": lambda: refusal(48001, f"api unauthorized {OPENID} {CONTENT} {URL}"),
    "status": lambda: httpx.Response(500, text=f"{OPENID} {CONTENT} {URL}"),
    "no result": lambda: httpx.Response(200, json={"errcode": 0, "result": URL, "trace_id": f"{CONTENT} {URL}"}),
    "no json": lambda: httpx.Response(200, text=f"{OPENID} {CONTENT} {URL}"),
}


@EACH
@pytest.mark.parametrize("fault", FAULTS)
async def test_neither_log_nor_error_holds_what_was_checked(
    call: Call, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    error = await failure(call, *[FAULTS[fault]() for _ in range(2)])
    said = all_that_it_says(error) + "".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert [secret for secret in (OPENID, NICKNAME, URL, TOKEN) if secret in said] == []


@EACH
async def test_a_lost_response_is_asked_for_once_more(call: Call) -> None:
    pauses = Pauses()
    answers: list[Any] = [httpx.Response(502), httpx.Response(200, json=PASSED)]
    async with client(answering(*answers).async_handler, sleep=pauses) as wechat:
        await call(wechat)
    assert len(pauses.taken) == 1
