"""What the client sends, and what it makes of WeChat's answers."""

import json
import logging
from typing import Any

import httpx
import pytest
import respx

from graph.errors import ErrorAction
from graph.schema.errors import coded
from graph.wechat.errors import (
    LoginCodeInvalid,
    LoginCodeUsed,
    UserBlocked,
    WeChatError,
    WeChatMisconfigured,
    WeChatRateLimited,
    WeChatUnavailable,
)
from tests.wechat.fake_server import (
    APP,
    APP_ID,
    APP_SECRET,
    JS_CODE,
    OPENID,
    RID,
    SECRETS,
    SESSION,
    SESSION_KEY,
    UNIONID,
    client,
    refusal,
)

CODE2SESSION = "https://api.weixin.qq.com/sns/jscode2session"


async def error_for(response: httpx.Response, **settings: Any) -> WeChatError:
    async with client(lambda _: response, **settings) as wechat:
        with pytest.raises(WeChatError) as caught:
            await wechat.code2session(APP, JS_CODE)
    assert not any(secret in str(caught.value) + repr(caught.value) for secret in SECRETS)
    return caught.value


async def test_code2session_is_a_get_with_four_parameters_in_the_query() -> None:
    wechat_side = respx.MockRouter()
    route = wechat_side.get(CODE2SESSION).respond(json=SESSION)
    async with client(wechat_side.async_handler) as wechat:
        session = await wechat.code2session(APP, JS_CODE)
    assert (session.openid, session.session_key.get_secret_value(), session.unionid) == (OPENID, SESSION_KEY, None)
    request = route.calls.last.request
    assert dict(request.url.params) == {
        "appid": APP_ID,
        "secret": APP_SECRET,
        "js_code": JS_CODE,
        "grant_type": "authorization_code",
    }
    assert request.content == b""
    assert "transfer-encoding" not in request.headers
    assert route.call_count == 1


async def test_a_code_cannot_smuggle_parameters() -> None:
    wechat_side = respx.MockRouter()
    code = "the code is a mock one&appid=x#%00+/?="
    route = wechat_side.get(CODE2SESSION).respond(json=SESSION)
    async with client(wechat_side.async_handler) as wechat:
        await wechat.code2session(APP, code)
    params = route.calls.last.request.url.params
    assert params.get_list("js_code") == [code]
    assert params.get_list("appid") == [APP_ID]


@pytest.mark.parametrize("code", ["", "x" * 129, "a\nb", "a\0b", "\x7f", "é", "微信", "\ud83d", "a\n"])
async def test_what_cannot_be_a_code_is_refused_without_a_call(code: str) -> None:
    wechat_side = respx.MockRouter()
    async with client(wechat_side.async_handler) as wechat:
        with pytest.raises(LoginCodeInvalid) as caught:
            await wechat.code2session(APP, code)
    assert caught.value.errcode is None
    assert not wechat_side.calls


async def test_a_code_of_128_characters_is_sent() -> None:
    wechat_side = respx.MockRouter()
    wechat_side.get(CODE2SESSION).respond(json=SESSION)
    async with client(wechat_side.async_handler) as wechat:
        assert (await wechat.code2session(APP, "~" * 128)).openid == OPENID


async def test_another_base_url_is_the_simulator_s_door() -> None:
    wechat_side = respx.MockRouter()
    route = wechat_side.get("http://127.0.0.1:8801/wx/sns/jscode2session").respond(json=SESSION)
    async with client(wechat_side.async_handler, base_url="http://127.0.0.1:8801/wx/") as wechat:
        await wechat.code2session(APP, JS_CODE)
    assert route.called


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({**SESSION, "unionid": UNIONID}, id="no errcode, as in the wild"),
        pytest.param({**SESSION, "unionid": UNIONID, "errcode": 0, "errmsg": "ok"}, id="errcode 0, as documented"),
        pytest.param({**SESSION, "unionid": UNIONID, "errcode": "0"}, id="errcode as text"),
        pytest.param({**SESSION, "unionid": UNIONID, "errcode": None}, id="errcode null"),
    ],
)
async def test_success_has_errcode_zero_or_none(body: dict[str, object]) -> None:
    async with client(lambda _: httpx.Response(200, json=body)) as wechat:
        assert (await wechat.code2session(APP, JS_CODE)).unionid == UNIONID


@pytest.mark.parametrize("unionid", [None, ""])
async def test_an_empty_unionid_is_none(unionid: object) -> None:
    async with client(lambda _: httpx.Response(200, json={**SESSION, "unionid": unionid})) as wechat:
        assert (await wechat.code2session(APP, JS_CODE)).unionid is None


@pytest.mark.parametrize("content_type", ["text/plain", "text/html; charset=gbk", "application/octet-stream", ""])
async def test_json_is_json_whatever_its_content_type(content_type: str) -> None:
    response = httpx.Response(200, content=json.dumps(SESSION), headers={"content-type": content_type})
    async with client(lambda _: response) as wechat:
        assert (await wechat.code2session(APP, JS_CODE)).openid == OPENID


@pytest.mark.parametrize("errmsg", [b"a\x01b", b"a\nb", b"\xff\xfe", "无效".encode(), "无效".encode("gbk")])
async def test_odd_bytes_in_errmsg_do_not_hide_the_errcode(errmsg: bytes) -> None:
    body = b'\xef\xbb\xbf{"errcode":40163,"errmsg":"' + errmsg + b", rid: " + RID.encode() + b'"}'
    error = await error_for(httpx.Response(200, content=body))
    assert (type(error), error.rid) == (LoginCodeUsed, RID)


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [
        (40029, LoginCodeInvalid),
        (41008, LoginCodeInvalid),
        (40163, LoginCodeUsed),
        (40226, UserBlocked),
        (45011, WeChatRateLimited),
        (45009, WeChatRateLimited),
        (-1, WeChatUnavailable),
        *((code, WeChatMisconfigured) for code in (40001, 40002, 40013, 40125, 40164, 40243, 41001, 41002, 41004)),
        *((code, WeChatMisconfigured) for code in (43002, 43003, 48001, 50002, 50004, 89503, 89506, 89507)),
        *((code, WeChatMisconfigured) for code in (1, 12345, -2, 10**30)),
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
async def test_errors_are_told_apart_by_number(errcode: int, kind: type[WeChatError], as_text: bool) -> None:
    if as_text and errcode == 10**30:
        kind = WeChatUnavailable
    misleading = f"invalid code, code been used, ok, rid: {RID}"
    error = await error_for(refusal(str(errcode) if as_text else errcode, misleading))
    assert type(error) is kind
    if kind is not WeChatUnavailable or errcode == -1:
        assert (error.errcode, error.rid, error.http_status) == (errcode, RID, 200)
        assert f"errcode {errcode}, rid {RID}" in str(error)
    assert "invalid code" not in str(error)


@pytest.mark.parametrize(("errcode", "seconds"), [(45011, 60), (45009, 3600)])
async def test_a_rate_limit_says_when_to_come_back(errcode: int, seconds: int) -> None:
    error = await error_for(refusal(errcode))
    assert isinstance(error, WeChatRateLimited)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("errmsg", "rid"),
    [
        (f"invalid code, rid: {RID}", RID),
        (f"invalid appid rid: {RID}", RID),
        (f" rid: {RID}", RID),
        ("invalid code, hints: [ req_id: X ]", None),
        ("rid: <script>", None),
        (f"rid: {RID}0", None),
        ("", None),
    ],
)
async def test_the_rid_is_kept_for_operators(errmsg: str, rid: str | None) -> None:
    assert (await error_for(refusal(40013, errmsg))).rid == rid


async def test_an_errmsg_that_is_no_text_has_no_rid() -> None:
    error = await error_for(httpx.Response(200, json={"errcode": 40013, "errmsg": {"a": 1}}))
    assert (error.errcode, error.rid) == (40013, None)


@pytest.mark.parametrize(
    "changes",
    [{"openid": None}, {"openid": ""}, {"openid": 1}, {"openid": "o\n"}, {"openid": "é"}, {"openid": "o" * 65}],
)
async def test_without_an_openid_nobody_is_logged_in(changes: dict[str, object]) -> None:
    error = await error_for(httpx.Response(200, json={**SESSION, **changes}))
    assert isinstance(error, WeChatUnavailable)
    assert error.reason == "missing openid"


@pytest.mark.parametrize("key", [None, "", 1, "a b", "k" * 513])
async def test_without_a_session_key_nobody_is_logged_in(key: object) -> None:
    error = await error_for(httpx.Response(200, json={**SESSION, "session_key": key}))
    assert isinstance(error, WeChatUnavailable)
    assert error.reason == "missing session_key"


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(SESSION_KEY[:-1], id="cut short"),
        pytest.param(f"{SESSION_KEY[:-3]}x==", id="not the encoding of its bytes"),
        pytest.param("A" * 32, id="24 bytes"),
        pytest.param("-" + SESSION_KEY[1:], id="base64url"),
        pytest.param(SESSION_KEY * 2, id="twice"),
    ],
)
async def test_what_cannot_be_a_session_key_is_not_believed(key: str) -> None:
    error = await error_for(httpx.Response(200, json={**SESSION, "session_key": key}))
    assert isinstance(error, WeChatUnavailable)
    assert error.reason == "malformed session_key"
    assert key not in str(error)


async def test_an_id_of_64_characters_is_believed() -> None:
    body = {**SESSION, "openid": "o" * 64, "unionid": "u" * 64}
    async with client(lambda _: httpx.Response(200, json=body)) as wechat:
        session = await wechat.code2session(APP, JS_CODE)
    assert (session.openid, session.unionid) == ("o" * 64, "u" * 64)


@pytest.mark.parametrize("unionid", [["o"], "u" * 65])
async def test_what_cannot_be_a_unionid_is_not_believed(unionid: object) -> None:
    error = await error_for(httpx.Response(200, json={**SESSION, "unionid": unionid}))
    assert isinstance(error, WeChatUnavailable)


async def test_a_session_does_not_print() -> None:
    async with client(lambda _: httpx.Response(200, json={**SESSION, "unionid": UNIONID})) as wechat:
        session = await wechat.code2session(APP, JS_CODE)
    assert repr(session) == "Code2Session()"
    assert SESSION_KEY not in str(session.session_key)


@pytest.mark.parametrize(
    ("errcode", "level"),
    [
        *((errcode, logging.ERROR) for errcode in (40013, 99999)),
        *((errcode, logging.WARNING) for errcode in (45009, 45011)),
        *((errcode, logging.DEBUG) for errcode in (40029, 40163, 40226)),
    ],
)
async def test_a_failed_call_is_logged_with_fields(errcode: int, level: int, caplog: pytest.LogCaptureFixture) -> None:
    await error_for(refusal(errcode))
    (record,) = [record for record in caplog.records if record.name == "graph.wechat.attempts"]
    fields = vars(record)
    assert record.levelno == level
    assert (fields["endpoint"], fields["errcode"], fields["rid"]) == ("code2session", errcode, RID)
    assert (fields["http_status"], fields["attempt"]) == (200, 1)
    assert isinstance(fields["duration_ms"], int)
    assert record.getMessage().startswith("WeChat call code2session failed: ")


async def test_a_call_that_succeeds_logs_nothing_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with client(lambda _: httpx.Response(200, json=SESSION)) as wechat:
        await wechat.code2session(APP, JS_CODE)
    assert not [record for record in caplog.records if record.name.startswith("graph")]


async def test_the_code_of_developer_tools_without_an_app_id_is_refused_with_its_reason() -> None:
    async with client(lambda _: refusal(40029)) as wechat:
        with pytest.raises(LoginCodeInvalid) as caught:
            await wechat.code2session(APP, "the code is a mock one")
    coded_error = coded(caught.value)
    assert coded_error is not None
    assert coded_error.action is ErrorAction.FIX_REQUEST
    assert "Developer Tools" in coded_error.message
    async with client(lambda _: httpx.Response(200, json=SESSION)) as wechat:
        assert (await wechat.code2session(APP, "the code is a mock one")).openid == OPENID


@pytest.mark.parametrize(
    ("errmsg", "refused_ip"),
    [
        ("invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: x", "203.0.113.7"),
        ("invalid ip 2001:db8::1, not in whitelist", "2001:db8::1"),
        ("invalid ip 203.0.113.777, not in whitelist", None),
        ("invalid ip 203.0.113.7<script>", "203.0.113.7"),
        ("invalid ip bad, not in whitelist", None),
        ("not in whitelist", None),
    ],
)
async def test_an_ip_that_wechat_refuses_is_named(errmsg: str, refused_ip: str | None) -> None:
    error = await error_for(refusal(40164, errmsg))
    assert isinstance(error, WeChatMisconfigured)
    assert error.refused_ip == refused_ip
    assert str(error).endswith(f"refused IP {refused_ip})") is (refused_ip is not None)
