"""What the example collects of a user, shows and keeps, and what it does when it may not."""

from pathlib import Path

import pytest

from tests.examples.phone import Phone, SwitchOn, stored


def test_what_a_stale_session_key_signed_is_collected_again_after_a_login(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
        mine.calls()
        mine.device("expire-session-key")
        mine.tap(".collect")
        mine.sees(".name", mine.user)
        assert mine.calls() == {"wx.getUserInfo": 2, "SubmitUserInfo": 2, "wx.login": 1, "Login": 1}
        assert mine.fields()["City"] == "Guangzhou"


def test_user_info_is_shown_with_its_fields_and_kept(switch_on: SwitchOn, storage: Path) -> None:
    with switch_on() as mine:
        mine.device("user-info", nickName="小明🎉", gender=2, city="Shenzhen")
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", "小明🎉")
        shown = mine.fields()
        assert shown.items() >= {"Gender": "Female", "City": "Shenzhen", "Anonymous": "No"}.items()
        assert mine.picture().startswith("https://thirdwx.qlogo.cn/")
    kept = stored(storage)["wxgate.userInfo"]
    assert (kept["nickName"], kept["gender"], kept["city"]) == ("小明🎉", "FEMALE", "Shenzhen")


def test_under_the_new_policy_wechat_gives_no_name(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.tell("set", policy="new")
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", "微信用户")
        assert mine.fields()["Anonymous"] == "Yes"


def test_a_refusal_is_shown_and_the_settings_may_undo_it(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.tell("set", agrees=False)
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".message", "Without your permission your name stays unknown here.")
        assert mine.text(".collect") is None
        assert "SubmitUserInfo" not in mine.calls()
        mine.tell("set", agrees=True)
        mine.tap(".settings")
        mine.tap(".collect")
        mine.sees(".name", mine.user)


def tap_with_a_stale_key(mine: Phone, *, permitted_afterwards: dict[str, bool], agrees: bool) -> None:
    """The button's own answer is still given, and the next question, without a button, meets another permission."""
    mine.launch("home")
    mine.tap(".collect")
    mine.sees(".name", mine.user)
    mine.calls()
    mine.device("expire-session-key")
    mine.tell("set", authSettingAfterTap=permitted_afterwards, agrees=agrees)
    mine.tap(".collect")


def test_a_permission_taken_back_meanwhile_is_respected(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        tap_with_a_stale_key(mine, permitted_afterwards={"scope.userInfo": False}, agrees=True)
        mine.sees(".message", "Without your permission your name stays unknown here.")
        assert mine.text(".settings") == "Open settings"
        assert mine.calls() == {"wx.getUserInfo": 1, "SubmitUserInfo": 1, "wx.login": 1, "Login": 1}


@pytest.mark.parametrize("agrees", [True, False])
def test_a_permission_that_wechat_forgot_is_asked_for_again(switch_on: SwitchOn, agrees: bool) -> None:
    with switch_on() as mine:
        tap_with_a_stale_key(mine, permitted_afterwards={}, agrees=agrees)
        refused = "Without your permission your name stays unknown here."
        mine.sees(".message", None if agrees else refused)
        collected = 2 if agrees else 1
        assert mine.calls() == {
            "wx.getUserInfo": collected,
            "SubmitUserInfo": collected,
            "wx.authorize": 1,
            "wx.login": 1,
            "Login": 1,
        }
