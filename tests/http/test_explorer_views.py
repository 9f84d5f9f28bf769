"""The explorer in Chromium, around its editors: the sequence, an operation as code, and a mini-program's screen."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import PATIENCE, serving
from tests.http.browsing import visit
from tests.programs import program

# As much of a mini-program's `wx` as the copied code uses.
WX = """
globalThis.wx = {
  getStorageSync: () => "",
  request: ({ url, header, data, success, ...options }) =>
    fetch(url, { ...options, headers: header, body: JSON.stringify(data) })
      .then((response) => response.json())
      .then((data) => success({ data })),
};
"""
SIGN_IN = [
    "Phone → WeChat: wx.login",
    "WeChat → Phone: login:ok",
    "Phone → Server: Login",
    "Server → WeChat: jscode2session",
    "WeChat → Server: ok",
    "Server → Phone: 200",
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What `browser/views.mjs` saw, once for all tests; the server still runs."""
    with serving("dev", cwd=tmp_path_factory.mktemp("views")) as server:
        yield {**visit("views", server.url, "views"), "server": server.url}


def test_nothing_is_asked_elsewhere_and_the_console_stays_empty(seen: Any) -> None:
    assert seen["elsewhere"] == []
    assert seen["complaints"] == []


def test_panel_editors_and_response_share_the_width_as_30_40_30(seen: Any) -> None:
    whole = sum(seen["parts"].values())
    shares = {part: width / whole for part, width in seen["parts"].items()}
    assert shares == pytest.approx({"plugin": 0.3, "editors": 0.4, "response": 0.3}, abs=0.03)


def test_only_a_narrow_page_scrolls_and_none_does_sideways(seen: Any) -> None:
    assert {name: way for name, way in seen["scrolled"].items() if way != ("y" if name.endswith("-390") else "")} == {}


def test_an_accessibility_audit_finds_nothing(seen: Any) -> None:
    assert len(seen["violations"]) == 18
    assert {name: found for name, found in seen["violations"].items() if found} == {}


def test_where_there_is_no_response_stands_how_to_get_one(seen: Any) -> None:
    assert seen["empty"].startswith("No response yet")
    assert seen["emptyAfterResponse"] == 0


def test_a_sign_in_is_drawn_from_phone_to_server_to_wechat_and_back(seen: Any) -> None:
    assert seen["login"] == SIGN_IN


def test_an_arrow_unfolds_what_it_carries_without_the_secret(seen: Any) -> None:
    asked = json.loads(seen["asked"])
    assert asked["GET"] == "/sns/jscode2session"
    assert asked["query"]["secret"] == "…"
    assert seen["folded"] == 0


def test_the_sequence_shows_faults_and_what_wechat_pushes(seen: Any) -> None:
    drawn = "\n".join(seen["all"])
    used = [
        "Server → WeChat: jscode2session",
        "WeChat → Server: 40163 code been used",
        "Server → Phone: LOGIN_CODE_USED",
    ]
    assert "\n".join(used) in drawn
    pushed = [
        "Phone → WeChat: revoke permission",
        "WeChat → Server: user_authorization_revoke",
        "Server → WeChat: 200 success",
        "WeChat → Phone: revoke:ok",
    ]
    assert "\n".join(pushed) in drawn


def test_the_sequence_can_be_cleared_and_folded(seen: Any) -> None:
    assert seen["cleared"] == []
    assert seen["closed"] == 0


def test_the_sequence_goes_on_once_the_server_was_started_anew(seen: Any) -> None:
    assert seen["afterRestart"]["asked"][0] == "0"
    assert seen["afterRestart"]["drawn"] == ["Server → WeChat: jscode2session", "WeChat → Server: ok"]


def test_a_copy_has_a_placeholder_in_the_place_of_the_token(seen: Any) -> None:
    assert seen["items"] == [
        f"{language}{ending}" for ending in ("", ", with my token") for language in ("wx.request", "fetch", "curl")
    ]
    for language in ("wx.request", "fetch", "curl"):
        assert "Bearer wxs_" not in seen["copied"][language]
        assert "Bearer wxs_" in seen["copied"][f"{language}, with my token"]
    # Where the example mini-program keeps it.
    assert 'wx.getStorageSync("wxgate.token")' in seen["copied"]["wx.request"]


@pytest.mark.parametrize("language", ["wx.request", "fetch", "curl"])
def test_the_copied_code_sends_the_operation(seen: Any, language: str, tmp_path: Path) -> None:
    # The wire on which the page had the server is gone with the browser.
    code = seen["copied"][f"{language}, with my token"].replace(seen["base"], seen["server"])
    if language == "curl":
        program("curl", "curl")
        command = ["sh", "-c", code]
    else:
        script = tmp_path / "copied.mjs"
        script.write_text(WX + code)
        command = [program("node", "nodejs"), str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    # `null` in the place of the user would be the answer to one who is not signed in.
    assert "createdAt" in done.stdout, done.stdout


def test_the_operation_at_the_cursor_is_copied_alone(seen: Any) -> None:
    assert "mutation SubmitUserInfo(" in seen["copied"]["atCursor"]
    assert "Login" not in seen["copied"]["atCursor"]


def test_the_screen_opens_by_keyboard_and_its_traffic_is_drawn(seen: Any) -> None:
    assert seen["tabs"] == ["Steps", "Phone"]
    assert "Li Lei" in seen["screen"]
    assert seen["fromScreen"][: len(SIGN_IN)] == SIGN_IN
    assert seen["stepsAgain"]


def test_the_sequence_speaks_chinese_and_so_does_the_screen_at_once(seen: Any) -> None:
    assert seen["chinese"].endswith("时序图")
    assert seen["chineseScreen"] == "我的"
