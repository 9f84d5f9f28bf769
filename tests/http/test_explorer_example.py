"""The example mini-program in Chromium, on the phone that `wxgate dev` draws: no account of WeChat's is needed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.processes import serving
from tests.http.browsing import visit


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What `browser/example.mjs` saw, once for all tests."""
    with serving("dev", cwd=tmp_path_factory.mktemp("example")) as server:
        yield visit("example", server.url, "example")


def test_the_console_stays_clean_and_nothing_is_asked_elsewhere(seen: Any) -> None:
    assert seen["complaints"] == seen["elsewhere"] == []


def test_axe_finds_no_barrier_on_any_page_or_sheet_in_either_scheme(seen: Any) -> None:
    assert seen["barriers"] == []


def test_nothing_is_wider_than_the_window(seen: Any) -> None:
    assert seen["wide"] == []


def test_no_script_or_style_runs_but_those_of_the_server_s_files(seen: Any) -> None:
    assert "unsafe" not in seen["policy"]
    assert "default-src 'none'" in seen["policy"]
    assert "frame-ancestors 'self'" in seen["policy"]


def test_a_launch_signs_in_silently(seen: Any) -> None:
    assert [(one["to"], one["title"]) for one in seen["launch"]] == [
        ("wechat", "wx.login"),
        ("server", "Login"),
        ("server", "Me"),
    ]


def test_other_pages_hear_of_each_exchange_with_its_bodies(seen: Any) -> None:
    login = seen["launch"][1]
    assert set(login) == {"at", "to", "title", "request", "status", "response"}
    assert login["status"] == 200
    assert login["request"]["variables"]["code"] == seen["launch"][0]["response"]["code"]
    assert login["response"]["data"]["login"]["user"]["isAnonymous"]


def test_a_later_launch_keeps_the_session(seen: Any) -> None:
    assert sorted(seen["secondLaunch"]) == ["CheckSession", "Me"]


def test_a_name_and_a_picture_are_chosen_once_the_privacy_guidelines_are_agreed_to(seen: Any) -> None:
    assert seen["name"] == seen["nickname"]
    assert seen["toasts"][0] == "Saved"


def test_a_phone_number_is_given_by_the_user_s_leave(seen: Any) -> None:
    assert "*" in seen["number"]


def test_the_phone_is_among_the_user_s_devices(seen: Any) -> None:
    assert seen["devices"] == ["wxgate simulated phone"]


def test_the_user_s_data_are_copied_and_deleted(seen: Any) -> None:
    exported = json.loads(seen["exported"])
    assert seen["nickname"] in json.dumps(exported, ensure_ascii=False)
    assert seen["toasts"][-1] == "Deleted"
    assert "wxgate.token" not in seen["stored"]
    assert "wxgate.userInfo" not in seen["stored"]
