"""Who is signed in on the phone: after launches and restarts, without a network, and when nothing is valid any more."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.processes import Process
from tests.examples.phone import SwitchOn, is_live, stored

# WeChat's errcodes.
CODE_BEEN_USED = 40163
CODE_BLOCKED = 40226
MINUTE_QUOTA = 45011

NO_CONNECTION = "No connection. What you see was known before."


def expire_every_session(data: Path) -> None:
    with closing(sqlite3.connect(data / ".wxgate" / "wxgate.db", timeout=30)) as database, database:
        database.execute("UPDATE sessions SET expires_at = 1")


def test_the_first_launch_logs_in_once_for_all_pages(switch_on: SwitchOn, storage: Path) -> None:
    with switch_on() as mine:
        mine.launch("home", "profile")
        mine.sees(".name", "Nameless")
        mine.sees(".message", None, page="profile")
        assert mine.calls() == {"wx.login": 1, "Login": 1, "Me": 1, "Profile": 1}
        fields = mine.fields()
        assert fields.keys() >= {"Id", "Gender", "City", "Province", "Country", "Language", "Updated"}
        assert fields["Id"] == stored(storage)["wxgate.userInfo"]["id"]
        assert fields["Anonymous"] == "Yes"


def test_a_restart_does_not_log_in_again(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
        fields = mine.fields()
    with switch_on() as mine:
        mine.launch("home", "profile")
        mine.sees(".name", "Nameless")
        mine.sees(".nick-name", "", page="profile")
        assert mine.calls() == {"CheckSession": 1, "Me": 1, "Profile": 1}
        assert mine.fields() == fields


def test_a_session_key_that_died_meanwhile_is_renewed_at_launch(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
        mine.device("expire-session-key")
    with switch_on() as mine:
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", mine.user)
        assert mine.calls() == {
            "CheckSession": 1,
            "Me": 1,
            "wx.login": 1,
            "Login": 1,
            "wx.getUserInfo": 1,
            "SubmitUserInfo": 1,
        }


def test_a_launch_goes_on_without_a_login_where_wechat_cannot_tell(
    switch_on: SwitchOn, server: Process, storage: Path
) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
        # The server has an access token after this, so that it is the check that fails.
        assert server.graphql("{ checkSession }", token=stored(storage)["wxgate.token"]) == {"checkSession": True}
        mine.device("expire-session-key")
    with switch_on() as mine:
        mine.wechat_answers_once(MINUTE_QUOTA)
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", mine.user)
        # The key was dead, and the submission finds it out.
        assert mine.calls() == {
            "CheckSession": 1,
            "Me": 1,
            "wx.getUserInfo": 2,
            "SubmitUserInfo": 2,
            "wx.login": 1,
            "Login": 1,
        }


def test_a_launch_without_a_page_that_asks_renews_an_expired_token(
    switch_on: SwitchOn, data: Path, server: Process, storage: Path
) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
    expire_every_session(data)
    with switch_on() as mine:
        mine.launch()
        mine.waits_for(lambda: is_live(server, stored(storage)["wxgate.token"]), "a new token")
        assert mine.calls() == {"CheckSession": 1, "wx.login": 1, "Login": 1}


def test_pages_that_meet_an_expired_token_at_once_share_one_login(switch_on: SwitchOn, data: Path) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
        fields = mine.fields()
    expire_every_session(data)
    with switch_on() as mine:
        mine.launch("home", {"page": "home", "as": "another"})
        mine.sees(".name", "Nameless")
        mine.sees(".name", "Nameless", page="another")
        assert mine.fields() == fields
        assert mine.calls() == {"CheckSession": 1, "Me": 4, "wx.login": 1, "Login": 1}


def test_a_late_error_about_a_token_takes_the_newer_one(switch_on: SwitchOn, data: Path) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
    expire_every_session(data)
    with switch_on() as mine:
        mine.tell("set", late="Me")
        mine.launch("home", {"page": "home", "as": "another"})
        mine.sees(".name", "Nameless")
        mine.sees(".name", "Nameless", page="another")
        assert mine.calls() == {"CheckSession": 1, "Me": 4, "wx.login": 1, "Login": 1}


def test_an_operation_is_repeated_when_the_token_has_expired(switch_on: SwitchOn, data: Path) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
        mine.calls()
        expire_every_session(data)
        mine.tap(".collect")
        mine.sees(".name", mine.user)
        assert mine.calls() == {"wx.getUserInfo": 1, "SubmitUserInfo": 2, "wx.login": 1, "Login": 1}


def test_without_a_network_the_user_is_shown_as_last_known(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", mine.user)
        fields = mine.fields()
    with switch_on() as mine:
        mine.tell("set", offline=True)
        mine.launch("home")
        mine.sees(".message", NO_CONNECTION)
        assert mine.fields() == fields
        mine.tap(".collect")
        mine.sees(".message", NO_CONNECTION)
        mine.tell("set", offline=False)
        mine.tap(".collect")
        mine.sees(".message", None)


def test_a_first_launch_without_a_network_can_be_repeated(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.tell("set", offline=True)
        mine.launch("home")
        mine.sees(".message", NO_CONNECTION)
        mine.tell("set", offline=False)
        mine.tap(".sign-in")
        mine.sees(".name", "Nameless")
        assert mine.text(".message") is None


def test_what_is_no_answer_of_the_server_s_counts_as_no_connection(switch_on: SwitchOn, server: Process) -> None:
    with switch_on() as mine:
        mine.tell("configure", server=f"{server.url}/simulator")
        mine.launch("home")
        mine.sees(".message", NO_CONNECTION)


def test_who_signs_out_stays_out_until_they_sign_in(switch_on: SwitchOn, server: Process, storage: Path) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", mine.user)
        fields, token = mine.fields(), stored(storage)["wxgate.token"]
        mine.tap(".sign-out")
        mine.sees(".message", "You are signed out.")
        assert mine.text(".card") is None
        assert mine.shown() == []
    assert not is_live(server, token)
    assert stored(storage) == {"wxgate.signedOut": True}
    with switch_on() as mine:
        mine.launch("home", "profile")
        mine.sees(".message", "You are signed out.")
        mine.sees(".message", "You are signed out.", page="profile")
        assert mine.text(".choice", page="profile") is None
        assert mine.calls() == {}
        mine.tap(".sign-in")
        mine.sees(".name", mine.user)
        assert mine.fields() == fields


def test_signing_out_without_a_network_forgets_on_the_phone_alone(
    switch_on: SwitchOn, server: Process, storage: Path
) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
        token = stored(storage)["wxgate.token"]
        mine.tell("set", offline=True)
        mine.tap(".sign-out")
        mine.sees(".message", "You are signed out.")
        assert mine.shown() == ["Signed out on this phone only"]
    assert stored(storage) == {"wxgate.signedOut": True}
    assert is_live(server, token)


def test_a_login_that_fails_is_repeated_with_a_new_code(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.wechat_answers_once(CODE_BEEN_USED)
        mine.launch("home")
        mine.sees(".name", "Nameless")
        assert mine.calls() == {"wx.login": 2, "Login": 2, "Me": 1}


@pytest.mark.parametrize(
    ("errcode", "message"),
    [
        (CODE_BLOCKED, "WeChat does not let you sign in at present."),
        (MINUTE_QUOTA, "That was too often. Try again later."),
    ],
)
def test_what_nobody_can_mend_now_is_said_and_not_repeated(switch_on: SwitchOn, errcode: int, message: str) -> None:
    with switch_on() as mine:
        mine.wechat_answers_once(errcode)
        mine.launch("home")
        mine.sees(".message", message)
        assert mine.calls() == {"wx.login": 1, "Login": 1}
        mine.tap(".sign-in")
        mine.sees(".name", "Nameless")
