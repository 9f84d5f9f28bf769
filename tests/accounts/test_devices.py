"""What a session says of its device: what the headers of its login did, if that can be right, and never an error."""

from typing import Any, Final
from urllib.parse import quote

import pytest

from graph.settings import Settings
from tests.accounts.stored import run_sql
from tests.accounts.test_session_list import SESSIONS
from tests.server import LOGIN, ME, TestServer

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ANDROID: Final = (
    "Mozilla/5.0 (Linux; Android 14; 23127PN0CC Build/UKQ1; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/116.0.0.0 Mobile Safari/537.36 XWEB/1160117 MMWEBSDK/20240404 MicroMessenger/8.0.48.2580(0x28003036) "
    "WeChat/arm64 Weixin NetType/WIFI Language/zh_CN ABI/arm64 MiniProgramEnv/android"
)
IPHONE: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
    "MicroMessenger/8.0.49(0x1800312b) NetType/4G Language/zh_CN"
)
PAGE: Final = "https://servicewechat.com/wx5a1f0c9be2d37846/{}/page-frame.html"
UNKNOWN: Final = {"label": None, "platform": "OTHER", "weChatVersion": None, "appVersion": None}

Lines = list[tuple[bytes, bytes]]


def lines(**headers: str) -> Lines:
    return [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]


async def device_after(server: TestServer, headers: Lines) -> Any:
    """The device of a session whose login had these headers."""
    login = {"query": LOGIN, "variables": {"code": server.wechat.login("alice")}}
    # httpx names itself otherwise.
    headers = [(b"user-agent", b""), *headers] if b"user-agent" not in dict(headers) else headers
    answer = (await server.http.post("/graphql", json=login, headers=headers)).json()
    assert "errors" not in answer, answer
    listed = (await server.post(SESSIONS, token=answer["data"]["login"]["token"]))["data"]["sessions"]
    [current] = [session for session in listed if session["isCurrent"]]
    return current["device"]


async def test_a_session_has_what_the_client_sent_of_its_device(server: TestServer, settings: Settings) -> None:
    label = "小米 14 Pro 🐼"
    headers = lines(x_wxgate_device=quote(label), user_agent=ANDROID, referer=PAGE.format(37))
    expected = {"label": label, "platform": "ANDROID", "weChatVersion": "8.0.48", "appVersion": "37"}
    assert await device_after(server, headers) == expected
    [row] = await run_sql(settings, "SELECT * FROM sessions")
    assert "Build" not in str(row), "the User-Agent itself is not kept"


@on_sqlite
@pytest.mark.parametrize(
    ("agent", "platform", "version"),
    [
        (ANDROID, "ANDROID", "8.0.48"),
        (IPHONE, "IOS", "8.0.49"),
        (IPHONE.replace("iPhone", "iPad"), "IOS", "8.0.49"),
        (f"{IPHONE} wechatdevtools/1.06.2402040 MicroMessenger/8.0.5 Language/zh_CN", "DEVTOOLS", "8.0.49"),
        ("Mozilla/5.0 (Phone; OpenHarmony 5.0) ArkWeb/4.1.6.1 Mobile MicroMessenger/1.0.3.52(0x1)", "HARMONY", "1.0.3"),
        ("Mozilla/5.0 (Linux; Android 12; HarmonyOS; NOH-AN01) MicroMessenger/8.0.40", "HARMONY", "8.0.40"),
        ("Mozilla/5.0 (Windows NT 10.0) MicroMessenger/7.0.20.1781(0x67) MiniProgramEnv/Windows", "WINDOWS", "7.0.20"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) MicroMessenger/6.8.0 MiniProgramEnv/Mac", "MAC", "6.8.0"),
        ("curl/8.5.0", "OTHER", None),
        ("MicroMessenger/8.0", "OTHER", None),
        ("MicroMessenger/8.0.123456789", "OTHER", None),
        ("MicroMessenger/" + "9" * 4000, "OTHER", None),
        ("MicroMessenger/\u0665.0.1", "OTHER", None),
        ("", "OTHER", None),
    ],
)  # fmt: skip
async def test_of_the_user_agent_a_session_keeps_system_and_version(
    server: TestServer, agent: str, platform: str, version: str | None
) -> None:
    device = await device_after(server, [(b"user-agent", agent.encode())])
    assert device == UNKNOWN | {"platform": platform, "weChatVersion": version}


@on_sqlite
@pytest.mark.parametrize(
    ("referer", "version"),
    [
        (PAGE.format("0"), "0"),
        (PAGE.format("devtools"), "devtools"),
        (PAGE.format("1" * 16), "1" * 16),
        (PAGE.format("1" * 17), None),
        (PAGE.format("-1"), None),
        (PAGE.format(""), None),
        (PAGE.format("1") + "?x=2", None),
        (f"{PAGE.format(1)}, {PAGE.format(2)}", None),
        (PAGE.format("1").replace("https", "http"), None),
        ("https://example.com/servicewechat.com/wx/1/page-frame.html", None),
    ],
)
async def test_of_the_referer_a_session_keeps_the_version(
    server: TestServer, referer: str, version: str | None
) -> None:
    assert await device_after(server, lines(referer=referer)) == UNKNOWN | {"appVersion": version}


@pytest.mark.parametrize(
    ("header", "label"),
    [
        (b"iPhone%2015", "iPhone 15"),
        (b"HUAWEI Mate 60", "HUAWEI Mate 60"),
        (quote("中" * 64).encode(), "中" * 64),
        (quote("🐼" * 64).encode(), "🐼" * 64),
        (quote("中" * 65).encode(), None),
        (b"", None),
        (b"%00", None),
        (b"a%00b%0D%0Ac%7F%C2%85d", "abcd"),
        (b"x%E2%80%AEy", "xy"),
        (b"%20%20", None),
        (b"x" * 4096, None),
        (b"%", None),
        (b"%zz", None),
        (b"%u5c0f", None),
        (b"%FF", None),
        (b"%ED%A0%80", None),
        (b"%C0%AF", None),
        (b"\xff", None),
        ("小米".encode(), None),
        (b"%3Cscript%3E", "<script>"),
    ],
)
async def test_a_label_is_short_text_in_utf_8_or_none(server: TestServer, header: bytes, label: str | None) -> None:
    assert await device_after(server, [(b"x-wxgate-device", header)]) == UNKNOWN | {"label": label}


@on_sqlite
async def test_of_two_labels_none_counts(server: TestServer) -> None:
    twice = [(b"x-wxgate-device", b"one"), (b"x-wxgate-device", b"two")]
    assert await device_after(server, twice) == UNKNOWN


@on_sqlite
async def test_the_headers_change_no_other_answer(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    headers = [(b"authorization", f"Bearer {token}".encode())]
    sent = [*headers, (b"x-wxgate-device", b"%ED%A0%80\xff"), (b"user-agent", b"\xff"), (b"referer", b"\xff" * 4096)]
    bodies = {
        (await server.http.post("/graphql", json={"query": ME}, headers=each)).content for each in (headers, sent)
    }
    assert len(bodies) == 1
    assert b'"me":{"id"' in bodies.pop()


async def test_a_number_of_a_later_version_is_some_other_system(server: TestServer, settings: Settings) -> None:
    token = (await server.login("alice"))["token"]
    await run_sql(settings, "UPDATE sessions SET platform = 99")
    [session] = (await server.post(SESSIONS, token=token))["data"]["sessions"]
    assert session["device"] == UNKNOWN
