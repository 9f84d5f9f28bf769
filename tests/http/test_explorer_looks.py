"""The explorer in Chromium as users see it: each step and fault in pictures, no barrier, two languages."""

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from graph.simulator.faults import Fault
from tests.cli.processes import serving
from tests.http.browsing import SCREENSHOTS, unwrapped, visit


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What `browser/looks.mjs` saw, once for all tests."""
    with serving("dev", cwd=tmp_path_factory.mktemp("looks")) as server:
        yield visit("looks", server.url, "looks")


def test_nothing_is_asked_elsewhere_and_the_console_stays_empty(looks: Any) -> None:
    assert looks["elsewhere"] == []
    assert looks["complaints"] == []


def test_no_state_of_the_page_is_a_barrier_at_any_width_light_or_dark(looks: Any) -> None:
    assert len(looks["violations"]) >= 36
    assert {state: found for state, found in looks["violations"].items() if found} == {}


def test_every_text_in_the_editors_stands_out_from_its_background(looks: Any) -> None:
    assert looks["faint"] == {"light": [], "dark": []}


def test_nothing_sticks_out_of_its_card_at_any_width(looks: Any) -> None:
    assert {state: found for state, found in looks["sticksOut"].items() if found} == {}


def test_a_narrow_page_is_one_column_and_a_wide_one_never_scrolls(looks: Any) -> None:
    assert looks["columns"] == {"1440": False, "1024": False, "390": True}
    assert looks["scrolled"] == 0


def test_the_keyboard_alone_signs_in_and_always_shows_where_it_is(looks: Any) -> None:
    assert looks["keyboard"]["outcome"].startswith("Signed in for the first time.")
    assert set(looks["keyboard"]["outlines"]) == {"solid 2px"}


def test_right_variables_are_not_underlined_and_wrong_ones_are(looks: Any) -> None:
    assert looks["squiggles"] == {"wrong": True, "right": False}


def test_the_pane_holds_the_variables_of_the_operation_that_is_sent_alone(looks: Any) -> None:
    assert json.loads(unwrapped(looks["variables"])).keys() == {"code"}


def test_a_submitted_name_that_is_not_kept_is_shown_as_not_kept(looks: Any) -> None:
    outcomes = looks["outcomes"]
    assert outcomes["placeholder"].endswith("for the server you have no nickname yet.")
    assert outcomes["real"] == "Proved and kept: the nickname is “Li Lei”."
    assert outcomes["notKept"] == "Proved, but “微信用户” was not kept: you stay “Li Lei”."


def test_mistakes_need_a_user_who_is_signed_in(looks: Any) -> None:
    assert looks["disabled"] == ["session_key expired", "code used twice", "use the wx.login code", "tap twice"]


def test_an_answer_comes_into_view_where_it_was_asked_for(looks: Any) -> None:
    assert set(looks["inView"]) == {"saved", "twice", "expired", "confused", "tapped-twice"}
    assert set(looks["inView"].values()) == {True}
    assert looks["outcomes"]["twice"].startswith("The same code a second time: LOGIN_CODE_USED: ")


def test_wechat_fails_in_every_way_that_the_simulator_knows(looks: Any) -> None:
    failures = looks["failures"]
    assert set(failures) == set(looks["offered"]) == set(get_args(Fault.model_fields["kind"].annotation))
    assert failures.pop("delay").startswith("Signed in again.")
    assert {text.split(":")[0] for text in failures.values()} == {"WECHAT_UNAVAILABLE"}


def test_the_language_is_chinese_from_a_switch_on_and_stays(looks: Any) -> None:
    assert looks["language"] == looks["languageAfterReload"] == "zh-CN"
    assert "微信给手机一个 code" in looks["chinese"]
    assert "验证通过，但“微信用户”没有保存：你仍是“Li Lei”。" in looks["chinese"]
    assert looks["chineseAfterReload"].startswith("装有微信的手机")


def test_every_step_and_fault_is_in_pictures_at_three_widths_light_and_dark(looks: Any) -> None:
    states = {state.rsplit("-", 1)[0] for state in looks["sticksOut"]}
    assert {"step-1", "step-2-not-kept", "step-3", "step-4", "step-5", "fault-twice", "failure-hang"} <= states
    sizes = [(width, scheme) for width in (1440, 1024, 390) for scheme in ("light", "dark")]
    expected = {f"{state}-{width}-{scheme}.png" for state in states for width, scheme in sizes}
    assert {picture.name for picture in (SCREENSHOTS / "looks").iterdir()} == expected
