"""The page "My phone number": what a tap gives, what it may not, and what is taken back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cli.processes import Process, serving
from tests.examples.phone import Phone, SwitchOn, phone, stored

PHONE: Final = "{ me { phone { masked } } }"
# WeChat's number of the permission, in the event that it pushes.
PHONE_WITHDRAWN: Final = 8
TAP_AGAIN: Final = "That did not work. Tap once more."


def look(mine: Phone) -> None:
    """Opens the page, once the user is signed in."""
    mine.launch("phone")
    mine.sees(".give", "Use my phone number", page="phone")
    mine.calls()


def test_a_phone_number_that_is_given_is_shown_masked_and_kept(switch_on: SwitchOn, storage: Path) -> None:
    with switch_on() as mine:
        mine.tell("set", number={"purePhoneNumber": "13800138000"})
        look(mine)
        mine.tap(".give", page="phone")
        mine.sees(".number", "138****8000", page="phone")
        assert mine.text(".give", page="phone") == "Use another number"
        assert mine.calls() == {"SubmitPhoneNumber": 1}
        mine.tell("set", number={"purePhoneNumber": "51234567", "countryCode": "852"})
        mine.tap(".give", page="phone")
        mine.sees(".number", "+852 ****4567", page="phone")
    assert "4567" not in storage.read_text("utf-8")
    with switch_on() as mine:
        mine.launch("phone")
        mine.sees(".number", "+852 ****4567", page="phone")


def test_a_user_who_refuses_is_asked_by_the_next_tap(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        look(mine)
        mine.tell("set", agrees=False)
        mine.tap(".give", page="phone")
        refused = "Without your permission your phone number stays unknown here."
        mine.sees(".message", refused, page="phone")
        assert mine.calls() == {}
        mine.tell("set", agrees=True)
        mine.tap(".give", page="phone")
        mine.sees(".message", None, page="phone")
        assert mine.text(".number", page="phone") is not None


def given(words: str, errno: int) -> dict[str, object]:
    """An event of the button, whatever the user would do."""
    return {"givesAgain": True, "given": {"errMsg": f"getPhoneNumber:fail {words}", "errno": errno}}


@pytest.mark.parametrize(
    "state",
    [
        {"quota": "none"},
        given("user deny", 1400001),
        given("api scope is not declared in the privacy agreement", 112),
    ],
    ids=["no quota", "no quota in words of a refusal", "not declared in the guidelines"],
)
def test_a_mini_program_that_may_have_no_numbers_shows_that_there_are_none(
    switch_on: SwitchOn, state: dict[str, object]
) -> None:
    with switch_on() as mine:
        look(mine)
        mine.tell("set", **state)
        mine.tap(".give", page="phone")
        mine.sees(".message", "WeChat does not give phone numbers here at present.", page="phone")
        assert mine.tell("attribute", page="phone", selector=".give", name="phone-number-no-quota-toast") is False
        assert mine.calls() == {}


def test_an_old_base_library_gives_the_number_encrypted(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.tell("set", isOld=True)
        look(mine)
        mine.tap(".give", page="phone")
        mine.sees(".message", None, page="phone")
        assert mine.text(".number", page="phone") is not None
        assert mine.calls() == {"SubmitEncryptedPhoneNumber": 1}


def test_a_number_under_a_stale_session_key_needs_a_login_and_a_tap(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.tell("set", isOld=True)
        look(mine)
        mine.device("expire-session-key")
        mine.tap(".give", page="phone")
        mine.sees(".message", TAP_AGAIN, page="phone")
        assert mine.calls() == {"SubmitEncryptedPhoneNumber": 1, "wx.login": 1, "Login": 1}
        mine.tap(".give", page="phone")
        mine.sees(".message", None, page="phone")
        assert mine.text(".number", page="phone") is not None
        assert mine.calls() == {"SubmitEncryptedPhoneNumber": 1}


def test_a_number_is_removed_and_a_used_code_does_not_bring_it_back(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        look(mine)
        mine.tap(".give", page="phone")
        mine.tap(".remove", page="phone")
        mine.sees(".give", "Use my phone number", page="phone")
        assert mine.text(".number", page="phone") is None
        assert mine.calls() == {"SubmitPhoneNumber": 1, "RemovePhoneNumber": 1}
        mine.tell("set", givesAgain=True)
        mine.tap(".give", page="phone")
        mine.sees(".message", TAP_AGAIN, page="phone")
        assert mine.text(".number", page="phone") is None
        assert mine.calls() == {"SubmitPhoneNumber": 1}


def test_a_number_withdrawn_in_the_settings_of_wechat_is_not_shown(
    switch_on: SwitchOn, server: Process, storage: Path
) -> None:
    with switch_on() as mine:
        look(mine)
        mine.tap(".give", page="phone")
        mine.sees(".give", "Use another number", page="phone")
        token = stored(storage)["wxgate.token"]
        assert server.graphql(PHONE, token=token)["me"]["phone"] is not None
        mine.device("revoke", info=[PHONE_WITHDRAWN])
        mine.waits_for(lambda: server.graphql(PHONE, token=token)["me"]["phone"] is None, "the number forgotten")
        mine.tell("open", page="phone", **{"as": "again"})
        mine.sees(".give", "Use my phone number", page="again")
        assert mine.text(".number", page="again") is None


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server that takes a number of one user only, and none without a code."""
    settings = {"WXGATE_PHONE_UNIQUE": "true", "WXGATE_PHONE_ENCRYPTED": "false"}
    with serving("dev", cwd=tmp_path_factory.mktemp("strict"), **settings) as server:
        yield server


def test_a_number_of_another_user_is_refused_where_it_must_be_one_s_own(
    project: Path, strict: Process, tmp_path: Path
) -> None:
    for name, message in [("first", None), ("second", "Another user has this phone number here.")]:
        with phone(project, strict, name, tmp_path / f"{name}.json") as mine:
            mine.tell("set", number={"purePhoneNumber": "13800138000"})
            look(mine)
            mine.tap(".give", page="phone")
            mine.sees(".message", message, page="phone")


def test_a_server_may_offer_nothing_to_old_base_libraries(project: Path, strict: Process, storage: Path) -> None:
    with phone(project, strict, "old", storage) as mine:
        mine.tell("set", isOld=True)
        look(mine)
        mine.tap(".give", page="phone")
        mine.sees(".message", "That is not offered here.", page="phone")
