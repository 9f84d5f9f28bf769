"""The example in Chinese, which it begins with, and in English; and what it asks of its user at a launch."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from graphql import GraphQLEnumType, build_schema

from tests.cli.processes import Process
from tests.examples.phone import ROOT, Phone, phone, stored
from tests.npm import PATIENCE, npm

HAN: Final = re.compile(r"[\u4e00-\u9fff]")
PAGES: Final = ("profile", "phone", "devices", "data", "privacy")
# In an English page: the name of the other language, WeChat's placeholder for a name, and the title of the guidelines.
CHINESE_IN_ENGLISH: Final = {"中文", "微信用户", "《示例小程序隐私保护指引》"}


@pytest.fixture
def mine(project: Path, server: Process, storage: Path, request: pytest.FixtureRequest) -> Iterator[Phone]:
    """A phone as it is unpacked: in the language that `config.ts` begins with."""
    with phone(project, server, request.node.name[-60:], storage, language="zh") as mine:
        yield mine


def screens(mine: Phone) -> dict[str, str]:
    """What stands on each page, once all are at rest."""
    for page in PAGES:
        mine.tell("open", page=page)
        mine.waits_for(lambda page=page: mine.text(".busy", page=page) is None, f"{page} at rest")  # type: ignore[misc]
    return {page: re.sub(r"<[^>]*>", " ", html) for page, html in mine.tell("screen").items()}


def test_every_page_is_chinese_until_the_user_switches_to_english(mine: Phone, storage: Path) -> None:
    mine.launch("home")
    mine.sees(".name", "未设置昵称")
    assert all(HAN.search(text) for text in screens(mine).values())
    titles = mine.tell("titles")
    assert {"我的", "头像和昵称", "手机号", "登录设备", "我的数据", "隐私保护指引"} == set(titles)
    assert mine.text(".language") == "English"
    mine.tap(".language")
    mine.sees(".name", "Nameless")
    for page, text in screens(mine).items():
        for word in CHINESE_IN_ENGLISH:
            text = text.replace(word, "")  # noqa: PLW2901 - only what remains counts
        assert not HAN.search(text), (page, text)
    assert not any(HAN.search(title) for title in mine.tell("titles"))
    assert stored(storage)["wxgate.language"] == "en"
    mine.tap(".sign-out")
    mine.sees(".message", "You are signed out.")
    assert stored(storage)["wxgate.language"] == "en"


def test_a_page_that_is_answered_behind_another_leaves_its_title(mine: Phone) -> None:
    mine.tell("set", held="Me")
    mine.launch("home", "profile")
    mine.sees(".choose", "选择头像", page="profile")
    mine.tell("release")
    mine.sees(".name", "未设置昵称")
    assert mine.tell("titles")[-1] == "头像和昵称"


def test_an_error_is_a_toast_in_the_user_s_language(mine: Phone) -> None:
    mine.launch("home")
    mine.sees(".name", "未设置昵称")
    mine.tell("open", page="data")
    mine.sees(".export", "复制我的数据", page="data")
    mine.wechat_answers_once(40163)
    mine.tap(".export", page="data")
    mine.sees(".message", "没有成功，请再点一次。", page="data")
    assert mine.shown() == ["没有成功，请再点一次。"]
    mine.tell("submit", page="data", selector=".deletion", value={"word": "DELETE"})
    mine.sees(".message", "请先输入“注销”。", page="data")


def test_a_tourist_without_an_app_id_signs_in_and_is_known_again(
    project: Path, server: Process, tmp_path: Path
) -> None:
    ids = []
    for number in range(2):
        storage = tmp_path / f"{number}.json"
        with phone(project, server, f"owner {number}", storage) as mine:
            mine.tell("set", isTourist=True)
            mine.launch("home")
            mine.sees(".name", "Nameless")
            ids.append(mine.fields()["Id"])
    assert ids[0] == ids[1]


def wants_agreement(mine: Phone) -> None:
    """Taps for a phone number, which WeChat withholds until the user agrees."""
    mine.tell("set", privacy="needed")
    mine.launch("home", "phone")
    mine.tap(".give", page="phone")
    is_asked(mine)
    assert mine.text(".number", page="phone") is None


def is_asked(mine: Phone) -> None:
    mine.waits_for(lambda: "privacy" in mine.tell("screen"), "the page that asks")
    mine.sees(".agree", "同意", page="privacy")


def test_what_waits_for_the_privacy_agreement_goes_on_after_it(mine: Phone) -> None:
    wants_agreement(mine)
    assert mine.text(".read", page="privacy") == "《示例小程序隐私保护指引》"
    mine.tap(".agree", page="privacy")
    mine.waits_for(lambda: mine.text(".number", page="phone") is not None, "the number")
    assert "privacy" not in mine.tell("screen")
    mine.tell("open", page="privacy")
    mine.sees(".agreed", "您已同意，无需操作。", page="privacy")
    assert mine.text(".agree", page="privacy") is None


@pytest.mark.parametrize("leaving", [".refuse", "back"])
def test_who_does_not_agree_gives_nothing_and_is_asked_again(mine: Phone, leaving: str) -> None:
    wants_agreement(mine)
    mine.tell("back") if leaving == "back" else mine.tap(leaving, page="privacy")
    mine.sees(".message", "您尚未同意隐私保护指引。", page="phone")
    mine.tap(".give", page="phone")
    is_asked(mine)
    mine.tap(".agree", page="privacy")
    mine.waits_for(lambda: mine.text(".number", page="phone") is not None, "the number")


def test_a_clipboard_that_was_not_agreed_to_is_named_as_the_reason(mine: Phone) -> None:
    mine.tell("set", privacy="needed")
    mine.launch("home", "data")
    mine.tap(".export", page="data")
    is_asked(mine)
    mine.tap(".refuse", page="privacy")
    mine.sees(".message", "您尚未同意隐私保护指引。", page="data")
    assert mine.tell("clipboard") is None


@pytest.mark.parametrize("agrees", [True, False])
def test_a_new_version_starts_when_the_user_wants_it(mine: Phone, agrees: bool) -> None:
    mine.launch("home")
    mine.sees(".name", "未设置昵称")
    mine.tell("set", agrees=agrees)
    mine.tell("update")
    mine.waits_for(lambda: mine.text(".name") is not None, "the page")
    assert mine.shown() == (["更新提示", "restarted"] if agrees else ["更新提示"])
    mine.tell("update", failed=True)
    assert mine.shown() == ["更新失败"]


def test_every_error_code_of_the_schema_has_a_message_in_both_languages(project: Path) -> None:
    codes = build_schema((ROOT / "schema.graphql").read_text("utf-8")).type_map["ErrorCode"]
    assert isinstance(codes, GraphQLEnumType)
    program = "console.log(JSON.stringify(require('./miniprogram/messages.js').MESSAGES))"
    done = subprocess.run(
        ["node", "-e", program], cwd=project, capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    messages: dict[str, Any] = json.loads(done.stdout)
    assert sorted(messages) == sorted(codes.values)
    assert all(HAN.search(message["zh"]) and not HAN.search(message["en"]) for message in messages.values())


def test_the_tests_of_the_example_itself_pass(project: Path) -> None:
    done = npm("test", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^# pass [1-9]", done.stdout, re.MULTILINE)
    assert re.search(r"^# fail 0$", done.stdout, re.MULTILINE)
