"""The explorer in Chromium: a user gives a phone number, takes back what they gave, and is forgotten."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.processes import serving
from tests.http.browsing import bare, unwrapped, visit

KEPT = r"Kept: 1\d\d\*{4}\d{4}, given at \d+:\d\d:\d\d [AP]M\."


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What `browser/data.mjs` saw, once for all tests."""
    with serving("dev", cwd=tmp_path_factory.mktemp("data")) as server:
        yield visit("data", server.url, "data")


def test_nothing_is_asked_elsewhere_and_the_console_stays_empty(seen: Any) -> None:
    assert seen["elsewhere"] == []
    assert seen["complaints"] == []


def test_a_tap_fills_in_the_code_and_the_number_comes_back_masked(seen: Any) -> None:
    assert json.loads(unwrapped(seen["panes"]["code"])).keys() == {"code"}
    assert re.fullmatch(KEPT, seen["phone"]["byCode"])


def test_an_old_base_library_gives_the_number_encrypted(seen: Any) -> None:
    assert '"encryptedData":"' in unwrapped(seen["panes"]["encrypted"])
    assert re.fullmatch(KEPT, seen["phone"]["encrypted"])


def test_the_same_code_twice_changes_nothing(seen: Any) -> None:
    once, first, second = seen["tapped"][:3]
    assert first["code"] != once["code"]
    assert first == second
    assert seen["phone"]["twice"].startswith("The second time changed nothing")


def test_the_code_of_wx_login_gives_no_phone_number_and_a_hint(seen: Any) -> None:
    assert seen["phone"]["loginCode"].startswith("PHONE_CODE_INVALID: ")
    assert "wx.login" in seen["phone"]["loginCode"]


def test_a_removed_number_is_not_a_step_done(seen: Any) -> None:
    assert seen["phone"]["removed"] == "The server keeps no number of yours."
    assert seen["phone"]["isDoneWithout"] == ""


@pytest.mark.parametrize(
    ("withdrawal", "event", "gone"),
    [
        ("phone", "user_authorization_revoke", "Gone from “me”: phone number."),
        ("phoneAgain", "user_authorization_revoke", "“me” is as before: nothing was kept."),
        ("profile", "user_authorization_revoke", "Gone from “me”: nickname, picture."),
        ("changed", "user_info_modified", "Gone from “me”: nickname, picture."),
        ("account", "user_authorization_cancellation", "For “me” there is no such user any more."),
        ("signedOut", "user_authorization_revoke", "Sign in first, and “me” shows what that does."),
    ],
)
def test_what_a_user_withdraws_shows_the_event_and_what_it_did(
    seen: Any, withdrawal: str, event: str, gone: str
) -> None:
    assert seen["withdrawn"][withdrawal] == f"WeChat pushed {event}, and the server answered “200 success”. {gone}"


def test_the_menu_is_used_by_keyboard_and_keeps_the_focus(seen: Any) -> None:
    assert seen["focused"].startswith("Withdraw permission")


def test_the_key_tab_reaches_every_control_of_the_panel(seen: Any) -> None:
    found = seen["reached"]["found"]
    assert len(found) == len(set(found)) == seen["reached"]["all"], found
    assert {"▶ RemovePhoneNumber", "▶ ExportMe", "▶ DeleteMe", "tap twice"} <= set(found)


def test_an_export_is_shown_as_it_is(seen: Any) -> None:
    assert seen["data"]["exported"] == "Here is all of it, as one document."
    document = seen["data"]["document"]
    assert document["format"] == "wxgate export"
    assert len(document["accounts"]) == 1


def test_after_a_deletion_the_token_is_gone_and_the_next_login_is_a_first_one(seen: Any) -> None:
    assert seen["data"]["deleted"].startswith("All of it is gone, and the token from Headers.")
    assert seen["data"]["done"] == 0
    # The token went with the answer, before a list of devices could miss its session.
    assert seen["data"]["devices"] == 0
    assert unwrapped(seen["panes"]["deleted"]) == ""
    assert seen["data"]["nextLogin"].startswith("Signed in for the first time.")


def test_a_closed_wechat_account_ends_the_session_and_the_next_login_is_a_first_one(seen: Any) -> None:
    assert unwrapped(seen["panes"]["closed"]) == ""
    assert seen["withdrawn"]["nextLogin"].startswith("Signed in for the first time.")
    assert [login["isNewUser"] for login in seen["logins"]] == [True, True, True]
    assert len({login["userId"] for login in seen["logins"]}) == 3


def test_no_place_that_a_page_can_write_to_holds_a_secret(seen: Any) -> None:
    secrets = seen["secrets"]
    assert seen["data"]["document"]["phone"]["number"] in secrets
    for places in (seen["kept"], seen["keptAtTheEnd"]):
        found = [(place, secret) for place, text in places.items() for secret in secrets if bare(secret) in bare(text)]
        assert found == []
        assert "loginCode" in places["localStorage"]
