"""The example mini-program on somebody's phone, from the first launch on, against `wxgate dev`."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import Process, serving
from tests.examples.phone import Phone, build, checkout, phone

SwitchOn = Callable[..., AbstractContextManager[Phone]]

# WeChat's errcodes.
CODE_BEEN_USED = 40163
CODE_BLOCKED = 40226
MINUTE_QUOTA = 45011

NO_CONNECTION = "No connection. What you see was known before."


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = checkout(tmp_path_factory.mktemp("example"))
    build(project)
    return project


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Process]:
    with serving("dev", cwd=data) as server:
        yield server


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """What the mini-program keeps on the phone."""
    return tmp_path / "storage.json"


@pytest.fixture
def switch_on(project: Path, server: Process, storage: Path, request: pytest.FixtureRequest) -> SwitchOn:
    """The phone of this test's own person: once more after it was off, it has the same storage."""

    def switch_on(**config: object) -> AbstractContextManager[Phone]:
        return phone(project, server, request.node.name[-60:], storage, **config)

    return switch_on


def stored(storage: Path) -> Any:
    return json.loads(storage.read_text("utf-8"))


def expire_every_session(data: Path) -> None:
    with closing(sqlite3.connect(data / ".wxgate" / "wxgate.db", timeout=30)) as database, database:
        database.execute("UPDATE sessions SET expires_at = 1")


def test_the_first_launch_signs_somebody_in_once_for_all_pages(switch_on: SwitchOn, storage: Path) -> None:
    with switch_on() as mine:
        mine.launch("home", "profile")
        mine.sees(".name", "Nameless")
        mine.sees(".message", None, page="profile")
        assert mine.calls() == {"wx.login": 1, "Login": 1, "wx.checkSession": 1, "Me": 1}
        fields = mine.fields()
        assert fields.keys() >= {"Id", "Gender", "City", "Province", "Country", "Language", "Updated"}
        assert fields["Id"] == stored(storage)["wxgate.userInfo"]["id"]
        assert fields["Anonymous"] == "true"


def test_a_restart_logs_nobody_in_again(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
        fields = mine.fields()
    with switch_on() as mine:
        mine.launch("home", "profile")
        mine.sees(".name", "Nameless")
        mine.sees(".nick-name", "", page="profile")
        assert mine.calls() == {"wx.checkSession": 1, "Me": 1}
        assert mine.fields() == fields


def test_a_session_key_that_died_meanwhile_is_renewed_at_launch(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
        mine.device("expire-session-key")
    with switch_on() as mine:
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", mine.person)
        assert mine.calls() == {
            "wx.checkSession": 1,
            "Me": 1,
            "wx.login": 1,
            "Login": 1,
            "wx.getUserInfo": 1,
            "SubmitUserInfo": 1,
        }


def test_pages_that_meet_an_expired_token_at_once_share_one_login(switch_on: SwitchOn, data: Path) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
        fields = mine.fields()
    expire_every_session(data)
    with switch_on() as mine:
        mine.launch("home")
        mine.tell("open", page="home", **{"as": "another"})
        mine.sees(".name", "Nameless")
        mine.sees(".name", "Nameless", page="another")
        assert mine.fields() == fields
        assert mine.calls() == {"wx.checkSession": 1, "Me": 4, "wx.login": 1, "Login": 1}


def test_a_token_that_expires_while_the_app_is_open_is_replaced_and_the_operation_repeated(
    switch_on: SwitchOn, data: Path
) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
        mine.calls()
        expire_every_session(data)
        mine.tap(".collect")
        mine.sees(".name", mine.person)
        assert mine.calls() == {"wx.getUserInfo": 1, "SubmitUserInfo": 2, "wx.login": 1, "Login": 1}


def test_what_a_stale_session_key_signed_is_collected_again_after_a_login(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
        mine.calls()
        mine.device("expire-session-key")
        mine.tap(".collect")
        mine.sees(".name", mine.person)
        assert mine.calls() == {"wx.getUserInfo": 2, "SubmitUserInfo": 2, "wx.login": 1, "Login": 1}
        assert mine.fields()["City"] == "Guangzhou"


def test_user_info_is_shown_with_its_fields_and_kept(switch_on: SwitchOn, storage: Path) -> None:
    with switch_on() as mine:
        mine.device("user-info", nickName="小明🎉", gender=2, city="Shenzhen")
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", "小明🎉")
        shown = mine.fields()
        assert shown.items() >= {"Gender": "FEMALE", "City": "Shenzhen", "Anonymous": "false"}.items()
        assert mine.picture().startswith("https://thirdwx.qlogo.cn/")
    kept = stored(storage)["wxgate.userInfo"]
    assert (kept["nickName"], kept["gender"], kept["city"]) == ("小明🎉", "FEMALE", "Shenzhen")


def test_under_the_policy_of_today_wechat_names_nobody(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.tell("set", policy="new")
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", "微信用户")
        assert mine.fields()["Anonymous"] == "true"


def test_who_refuses_is_told_so_and_may_think_again_in_the_settings(switch_on: SwitchOn) -> None:
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
        mine.sees(".name", mine.person)


def test_a_permission_taken_back_meanwhile_is_respected(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", mine.person)
        mine.device("expire-session-key")
        # The button's own answer is given before WeChat is told.
        mine.tell("set", revokesAfterTap=True)
        mine.tap(".collect")
        mine.sees(".message", "Without your permission your name stays unknown here.")
        assert mine.text(".settings") == "Open settings"


def test_without_a_network_the_person_is_shown_as_last_known(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", mine.person)
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


def test_who_signs_out_stays_out_until_they_sign_in(switch_on: SwitchOn, storage: Path) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", mine.person)
        fields = mine.fields()
        mine.tap(".sign-out")
        mine.sees(".message", "You are signed out.")
        assert mine.text(".card") is None
    assert stored(storage) == {"wxgate.signedOut": True}
    with switch_on() as mine:
        mine.launch("home", "profile")
        mine.sees(".message", "You are signed out.")
        mine.sees(".message", "You are signed out.", page="profile")
        assert mine.text(".choice", page="profile") is None
        assert mine.calls() == {}
        mine.tap(".sign-in")
        mine.sees(".name", mine.person)
        assert mine.fields() == fields


def test_a_chosen_name_and_picture_stay_on_the_phone(switch_on: SwitchOn, storage: Path) -> None:
    with switch_on() as mine:
        mine.launch("home", "profile")
        mine.tap(".choose", page="profile")
        mine.sees(".message", "The picture is kept on this phone.", page="profile")
        assert mine.picture(page="profile") == "wxfile://store_picture.png"
        mine.tell("submit", page="profile", selector=".choice", value={"nickName": " "})
        mine.sees(".message", "Choose another name.", page="profile")
        mine.tell("submit", page="profile", selector=".choice", value={"nickName": "小红"})
        mine.sees(".message", "The name is kept on this phone.", page="profile")
    with switch_on() as mine:
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", "小红")
        assert mine.picture() == "wxfile://store_picture.png"
    assert stored(storage)["wxgate.userInfo"]["nickName"] == mine.person


def test_a_login_that_fails_is_repeated_with_a_new_code(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.wechat_answers_once(CODE_BEEN_USED)
        mine.launch("home")
        mine.sees(".name", "Nameless")
        assert mine.calls() == {"wx.login": 2, "Login": 2, "wx.checkSession": 1, "Me": 1}


@pytest.mark.parametrize(
    ("errcode", "message"),
    [
        (CODE_BLOCKED, "WeChat does not let you sign in at present."),
        (MINUTE_QUOTA, "That was too often. Try again in a minute."),
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


@pytest.fixture(scope="module")
def trusting(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server that runs the example's operations and no others."""
    documents = project / "miniprogram" / "generated" / "persisted-documents.json"
    variables = {"WXGATE_TRUSTED_DOCUMENTS": str(documents), "WXGATE_TRUSTED_DOCUMENTS_ONLY": "true"}
    with serving("dev", cwd=tmp_path_factory.mktemp("trusting"), **variables) as server:
        yield server


def test_its_operations_run_by_their_ids_alone(project: Path, trusting: Process, storage: Path) -> None:
    with phone(project, trusting, "by id", storage, trustedDocuments=True) as mine:
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", "by id")


def test_an_error_that_only_others_can_mend_comes_with_the_number_of_the_request(
    project: Path, trusting: Process, storage: Path
) -> None:
    with phone(project, trusting, "by text", storage) as mine:
        mine.launch("home")
        mine.sees(".busy", None)
        assert re.fullmatch(r"That did not work\. Tell us this number: \S{8,}", mine.text(".message") or "")
        assert mine.calls() == {"wx.login": 1, "Login": 1}
