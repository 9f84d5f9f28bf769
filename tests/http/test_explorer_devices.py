"""The explorer in Chromium with two mini-programs and two tabs: one user, who sees their devices and ends them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.processes import serving
from tests.http.browsing import unwrapped, visit


@pytest.fixture(scope="module")
def tabs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What `browser/devices.mjs` saw, once for all tests."""
    with serving("dev", "--apps", "2", cwd=tmp_path_factory.mktemp("devices")) as server:
        yield visit("devices", server.url, "devices")


def test_nothing_is_asked_elsewhere_and_no_tab_writes_to_the_console(tabs: Any) -> None:
    assert tabs["elsewhere"] == []
    assert tabs["complaints"] == []


def test_the_same_user_signs_in_through_each_mini_program_by_unionid(tabs: Any) -> None:
    first, second = tabs["apps"]
    assert first != second
    logins = tabs["logins"][:2]
    assert [login["app"] for login in logins] == [first, second]
    assert logins[0]["userId"] == logins[1]["userId"] is not None


def test_headers_show_the_mini_program_and_the_token_that_is_kept_for_it(tabs: Any) -> None:
    first, second = tabs["apps"]
    headers = {moment: unwrapped(text) for moment, text in tabs["headers"].items()}
    assert headers["first"] == f'{{"X-Wxgate-App":"{first}"}}'
    assert headers["signedIn"].startswith(f'{{"X-Wxgate-App":"{first}","Authorization":"Bearerwxs_')
    assert headers["inSecondApp"] == f'{{"X-Wxgate-App":"{second}"}}'
    assert headers["backInFirstApp"] == headers["signedIn"]


def test_a_mini_program_entered_by_hand_is_the_one_that_is_sent(tabs: Any) -> None:
    assert tabs["logins"][-1]["app"] == "wx0000000000000000"
    assert tabs["outcomes"]["byHand"].startswith("APP_UNKNOWN: ")


def test_the_screen_has_the_user_and_the_mini_program_of_the_steps(tabs: Any) -> None:
    _, app = tabs["apps"]
    assert tabs["screen"]["app"] == app
    assert "errors" not in tabs["screen"]["answer"]
    assert tabs["screen"]["user"] == "Han Meimei"
    assert tabs["screen"]["kept"] == [f"wxgate:phone:Han Meimei:{app}"]


def test_each_tab_lists_the_devices_of_both_and_marks_its_own(tabs: Any) -> None:
    first, second = tabs["apps"]
    places = [("Explorer", first), ("Explorer", second), ("Explorer 2", first)]
    assert [login["device"] for login in tabs["logins"][:3]] == [name for name, _ in places]
    for listed, own in ((tabs["devices"]["ofFirstTab"], places[0]), (tabs["devices"]["ofSecondTab"], places[2])):
        assert sorted((device["name"], device["app"]) for device in listed) == sorted(places)
        assert [(device["name"], device["app"]) for device in listed if device["isCurrent"]] == [own]


def test_ending_a_device_empties_the_token_of_its_tab(tabs: Any) -> None:
    assert tabs["outcomes"]["ended"] == "That session has ended."
    assert tabs["outcomes"]["endedElsewhere"] == "This session has ended. Sign in again."
    assert "Bearer" not in tabs["headers"]["endedElsewhere"]
    assert tabs["doneWithoutToken"] == 0


def test_the_keyboard_stays_at_the_devices_when_a_button_goes(tabs: Any) -> None:
    assert tabs["focused"] == "Devices"


def test_ending_all_others_leaves_the_tab_that_does_it_alone(tabs: Any) -> None:
    assert tabs["outcomes"]["others"] == "Ended, besides this one: 2."
    assert "Bearer" not in tabs["headers"]["endedWithOthers"]
    assert [device["isCurrent"] for device in tabs["devices"]["afterEndingOthers"]] == [True]


def test_signing_out_empties_the_token_and_the_list(tabs: Any) -> None:
    assert tabs["outcomes"]["signedOut"] == "Signed out. The token is gone from Headers."
    assert "Bearer" not in tabs["headers"]["signedOut"]
    assert tabs["devices"]["signedOut"] == []
