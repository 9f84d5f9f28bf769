"""The explorer in Chromium: a user fills in a name and a picture, and WeChat checks both."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.processes import serving
from tests.http.browsing import bare, visit


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What `browser/profile.mjs` saw, once for all tests."""
    with serving("dev", cwd=tmp_path_factory.mktemp("profile")) as server:
        yield visit("profile", server.url, "profile")


def test_nothing_is_asked_elsewhere_and_the_console_names_the_unusable_upload_alone(seen: Any) -> None:
    assert seen["elsewhere"] == []
    [complaint] = seen["complaints"]
    assert "the server responded with a status of 422" in complaint


def test_every_face_on_the_phone_shows(seen: Any) -> None:
    assert len(seen["faces"]) == 6
    assert all(width > 0 for width in seen["faces"])


def test_an_upload_needs_a_user_who_is_signed_in_and_shows_its_answer(seen: Any) -> None:
    assert not seen["isUploadOpenSignedOut"]
    status, answer = seen["answer"].split(" ", maxsplit=1)
    assert status == "201"
    assert json.loads(answer) == seen["uploads"][0]
    assert seen["outcomes"]["unusable"].startswith("422 ")
    assert "PICTURE_UNUSABLE" in seen["outcomes"]["unusable"]


def test_a_name_and_a_picture_are_saved_and_shown_as_the_server_has_them(seen: Any) -> None:
    assert seen["outcomes"]["saved"] == "Kept: you are “小红”."
    assert seen["states"]["fine"] == "CHECKING → SHOWN"
    assert seen["shown"]["fine"] == [320]


def test_a_red_face_is_refused_and_shown_no_more(seen: Any) -> None:
    assert seen["states"]["red"] == "CHECKING → REFUSED"
    assert seen["shown"]["red"] == []
    assert seen["outcomes"]["refusedAgain"].startswith("PICTURE_REFUSED: ")


def test_a_yellow_face_waits_for_an_operator(seen: Any) -> None:
    assert seen["states"]["yellow"] == "CHECKING → REVIEW"


def test_a_risky_name_is_refused(seen: Any) -> None:
    assert seen["outcomes"]["riskyName"].startswith("TEXT_REFUSED: ")


def test_what_was_typed_and_chosen_is_withdrawn_by_permissions_of_its_own(seen: Any) -> None:
    pushed = "WeChat pushed user_authorization_revoke, and the server answered “200 success”. "
    withdrawn = {label: text.removeprefix(pushed) for label, text in seen["withdrawn"].items()}
    assert withdrawn == {
        "picture": "Gone from “me”: picture.",
        "signed": "“me” still has: nickname. What was typed or uploaded has permissions of its own.",
        "name": "Gone from “me”: nickname.",
    }
    assert seen["checks"] == 0


def test_no_place_that_a_page_can_write_to_holds_a_name_or_an_upload(seen: Any) -> None:
    values = ["小红", *(answer["avatar"] for answer in seen["uploads"] if "avatar" in answer)]
    assert len(values) == 4
    found = [(place, value) for place, text in seen["kept"].items() for value in values if value in bare(text)]
    assert found == []
