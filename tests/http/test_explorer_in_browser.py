"""The explorer in Chromium: a visitor signs in with the phone, breaks things, looks around, and comes back."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.processes import serving
from tests.http.browsing import bare, unwrapped, visit


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What `browser/tour.mjs` saw, once for all tests."""
    directory = tmp_path_factory.mktemp("tour")
    with serving("dev", cwd=directory) as server:
        yield visit("tour", server.url, "tour")


def test_nothing_is_asked_of_anybody_else_and_the_console_stays_empty(tour: Any) -> None:
    assert tour["elsewhere"] == []
    assert tour["complaints"] == []


def test_the_first_tab_explains_the_sign_in_in_three_operations(tour: Any) -> None:
    opening = unwrapped(tour["opening"])
    assert opening.startswith("#Amini-programsignsauserinwiththreeoperations.")
    assert "#1.wx.logingivesthephoneacode" in opening
    assert "mutationLogin($code:String!){" in opening


def test_the_phone_signs_a_person_in_submits_their_user_info_and_shows_who_they_are(tour: Any) -> None:
    steps = tour["steps"]
    assert steps["login"].startswith("Signed in for the first time.")
    assert steps["newPolicy"] == (
        "Proved. But WeChat now calls every user “微信用户”: for the server you have no nickname yet."
    )
    assert steps["oldPolicy"] == "Proved and kept: the nickname is “Li Lei”."
    assert steps["me"] == "You are “Li Lei”."
    assert '"nickName":"LiLei"' in unwrapped(tour["panes"]["response"])


def test_signing_in_puts_the_token_into_the_headers_of_every_tab_until_somebody_else_has_the_phone(tour: Any) -> None:
    header = f'{{"Authorization":"Bearer{tour["token"]}"}}'
    assert unwrapped(tour["panes"]["headers"]) == header
    assert unwrapped(tour["panes"]["headersOfNewTab"]) == header
    assert unwrapped(tour["panes"]["headersOfNobody"]) == ""
    assert tour["steps"]["newPerson"].startswith("Signed in for the first time.")
    assert tour["steps"]["meAgain"] == "You are “Li Lei”."


def test_a_phone_with_one_mini_program_has_none_to_choose(tour: Any) -> None:
    assert tour["miniPrograms"] == 0


def test_the_phone_shows_what_goes_wrong_in_real_life(tour: Any) -> None:
    assert tour["steps"]["expired"].startswith("SESSION_KEY_STALE: ")
    assert tour["steps"]["twice"].startswith("LOGIN_CODE_USED: ")
    assert tour["steps"]["down"].startswith("WECHAT_UNAVAILABLE: ")


def test_the_fourth_step_gives_the_phone_number_which_comes_back_masked(tour: Any) -> None:
    assert re.match(r"Kept: 1\d\d\*{4}\d{4}, given at ", tour["steps"]["phoneNumber"])


def test_a_reload_keeps_the_tabs_and_forgets_the_token(tour: Any) -> None:
    assert tour["tabs"] == ["Me", "UpdateProfile", "Sessions", "SubmitPhoneNumber", "Typed"]
    assert tour["tabsAfterReload"] == tour["tabs"]
    assert tour["steps"]["afterReload"].startswith("null: no user is signed in.")


def test_no_place_that_a_page_can_write_to_holds_a_secret(tour: Any) -> None:
    secrets = tour["secrets"]
    assert sum(secret.startswith("wxs_") for secret in secrets) >= 3
    assert len(secrets) > 15
    for places in (tour["kept"], tour["keptAfterReload"]):
        found = [(place, secret) for place, text in places.items() for secret in secrets if bare(secret) in bare(text)]
        assert found == []
        # What was typed into a document is there without its texts and tokens.
        assert "Typed" in places["localStorage"]
        assert 'login(code: \\\\\\"\\\\\\")' in places["localStorage"]


def test_the_history_lists_what_was_sent(tour: Any) -> None:
    assert {"Login", "SubmitUserInfo"} <= set(tour["history"])


def test_a_first_visit_is_under_a_megabyte_and_a_reload_under_fifty_kilobytes_on_the_wire(tour: Any) -> None:
    assert 500_000 < tour["bytes"]["firstVisit"] < 1_000_000
    assert 1_000 < tour["bytes"]["reload"] < 50_000
