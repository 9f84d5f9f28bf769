"""The page "My data": a copy of it, and its end."""

import json
from pathlib import Path
from typing import Final

import pytest

from tests.cli.processes import Process
from tests.examples.phone import Phone, SwitchOn, is_live, stored
from tests.examples.test_session import CODE_BEEN_USED, NO_CONNECTION, expire_every_session

SIGNED_OUT: Final = "You are signed out."
ANOTHER_USER: Final = "Another user is signed in to WeChat. Sign out here first."


def look(mine: Phone) -> str:
    """Opens the first page and this one; the user's id."""
    mine.launch("home", "data")
    mine.sees(".name", "Nameless")
    mine.sees(".export", "Copy my data", page="data")
    mine.calls()
    return mine.fields()["Id"]


def delete(mine: Phone, word: str = "DELETE") -> None:
    mine.tell("submit", page="data", selector=".deletion", value={"word": word})


def test_a_copy_of_all_that_is_kept_gets_into_the_clipboard(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.tell("set", number={"purePhoneNumber": "13800138000"})
        user_id = look(mine)
        mine.tell("open", page="phone")
        mine.tap(".give", page="phone")
        mine.sees(".number", "138****8000", page="phone")
        mine.calls()
        mine.tap(".export", page="data")
        mine.sees(".message", None, page="data")
        copy = json.loads(mine.tell("clipboard"))
        assert copy["phone"]["number"] == "+8613800138000"
        assert copy["user"]["id"] == user_id
        assert mine.calls() == {"wx.login": 1, "ExportMe": 1}


def test_a_code_that_does_not_serve_is_not_sent_again(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        look(mine)
        mine.wechat_answers_once(CODE_BEEN_USED)
        mine.tap(".export", page="data")
        mine.sees(".message", "That did not work. Tap once more.", page="data")
        assert mine.tell("clipboard") is None
        assert mine.calls() == {"wx.login": 1, "ExportMe": 1}


def test_who_is_deleted_is_signed_out_and_a_new_user_after_that(
    switch_on: SwitchOn, server: Process, storage: Path
) -> None:
    with switch_on() as mine:
        user_id, token = look(mine), stored(storage)["wxgate.token"]
        delete(mine, "delete me")
        mine.sees(".message", "Type DELETE first.", page="data")
        assert mine.calls() == {}
        assert is_live(server, token)
        delete(mine, " DELETE ")
        mine.sees(".message", SIGNED_OUT)
        assert mine.text(".card") is None
        assert mine.shown() == ["Deleted"]
        assert mine.calls() == {"CheckSession": 1, "wx.login": 1, "DeleteMe": 1}
        assert not is_live(server, token)
        assert stored(storage) == {"wxgate.signedOut": True}
        mine.tap(".sign-in")
        mine.sees(".name", "Nameless")
        assert mine.fields()["Id"] != user_id


def test_a_page_that_opens_during_the_deletion_makes_no_new_user(
    switch_on: SwitchOn, server: Process, storage: Path
) -> None:
    with switch_on() as mine:
        look(mine)
        token = stored(storage)["wxgate.token"]
        mine.tell("set", held="DeleteMe")
        delete(mine)
        mine.waits_for(lambda: not is_live(server, token), "the end of the session")
        mine.tell("open", page="devices")
        mine.sees(".message", SIGNED_OUT, page="devices")
        mine.tell("release")
        mine.sees(".message", SIGNED_OUT)
        assert "Login" not in mine.calls()


def test_a_deletion_whose_answer_is_lost_is_known_to_be_done(switch_on: SwitchOn, storage: Path) -> None:
    with switch_on() as mine:
        look(mine)
        mine.tell("set", lost=["DeleteMe"])
        delete(mine)
        mine.sees(".message", SIGNED_OUT)
        assert mine.shown() == ["Deleted"]
        assert mine.calls() == {"CheckSession": 1, "wx.login": 1, "DeleteMe": 2}
        assert stored(storage) == {"wxgate.signedOut": True}


def test_without_any_answer_the_phone_is_signed_out_and_shows_doubt(switch_on: SwitchOn, storage: Path) -> None:
    with switch_on() as mine:
        user_id = look(mine)
        mine.tell("set", lost=["DeleteMe", "DeleteMe"])
        delete(mine)
        mine.sees(".message", "No answer came. Sign in to see what is left, and delete it again.", page="data")
        assert mine.text(".deletion", page="data") is None
        assert mine.calls() == {"CheckSession": 1, "wx.login": 1, "DeleteMe": 2}
        assert stored(storage) == {"wxgate.signedOut": True}
        mine.tell("show", page="home")
        mine.tap(".sign-in")
        mine.sees(".name", "Nameless")
        assert mine.fields()["Id"] != user_id


def test_a_session_that_ended_before_is_not_taken_for_a_deletion(
    switch_on: SwitchOn, data: Path, storage: Path
) -> None:
    with switch_on() as mine:
        user_id = look(mine)
        expire_every_session(data)
        delete(mine)
        mine.sees(".message", SIGNED_OUT)
        assert mine.calls() == {"CheckSession": 1, "wx.login": 2, "Login": 1, "DeleteMe": 1}
        mine.tap(".sign-in")
        mine.sees(".name", "Nameless")
        assert mine.fields()["Id"] != user_id


@pytest.mark.parametrize("selector", [".export", ".deletion"])
def test_another_user_of_wechat_gets_and_deletes_nothing(
    switch_on: SwitchOn, server: Process, storage: Path, selector: str
) -> None:
    with switch_on() as mine:
        look(mine)
        kept = stored(storage)
        mine.tell("set", user=f"not {mine.user}")
        delete(mine) if selector == ".deletion" else mine.tap(selector, page="data")
        mine.sees(".message", ANOTHER_USER, page="data")
        assert mine.tell("clipboard") is None
        assert is_live(server, kept["wxgate.token"])
        assert stored(storage) == kept


def test_without_a_network_nothing_is_deleted_or_forgotten(switch_on: SwitchOn, server: Process, storage: Path) -> None:
    with switch_on() as mine:
        look(mine)
        kept = stored(storage)
        mine.tell("set", offline=True)
        delete(mine)
        mine.sees(".message", NO_CONNECTION, page="data")
        assert stored(storage) == kept
        assert is_live(server, kept["wxgate.token"])


def test_who_is_signed_out_is_offered_nothing(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        look(mine)
        mine.tap(".sign-out")
        mine.sees(".message", SIGNED_OUT)
    with switch_on() as mine:
        mine.launch("data", "phone")
        for page, offered in [("data", ".export"), ("phone", ".give")]:
            mine.sees(".message", SIGNED_OUT, page=page)
            assert mine.text(offered, page=page) is None
        assert mine.calls() == {}
