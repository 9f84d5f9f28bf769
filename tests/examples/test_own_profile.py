"""The page "Name and picture": what a user types and chooses is saved, or shown to be refused, where it belongs."""

import io
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Final

import httpx
import pytest
from PIL import Image

from tests.examples.phone import Phone, SwitchOn
from tests.examples.test_session import NO_CONNECTION, expire_every_session

# In EXIF: the IFD of a place, and its latitude and longitude.
GPS: Final = 0x8825
PLACE: Final = {1: "N", 2: (23.0, 7.0, 45.0), 3: "E", 4: (113.0, 15.0, 9.0)}
UNUSABLE: Final = "This picture cannot be used. Choose another one."
TOO_LARGE: Final = "This picture is too large. Choose a smaller one."


@pytest.fixture
def green(tmp_path: Path) -> Path:
    """A picture that knows where it was taken."""
    exif = Image.Exif()
    exif[GPS] = PLACE
    Image.new("RGB", (800, 600), "green").save(tmp_path / "green.jpg", exif=exif)
    return tmp_path / "green.jpg"


def look(mine: Phone) -> None:
    """Opens the first page and this one."""
    mine.launch("home", "profile")
    mine.sees(".name", "Nameless")
    mine.sees(".choose", "Choose a picture", page="profile")
    mine.calls()


def choose(mine: Phone, path: Path | None = None, *, face: str | None = None) -> None:
    """A file, or a face of the simulator's."""
    mine.tell("set", picture=path and str(path), face=face)
    mine.tap(".choose", page="profile")
    mine.waits_for(lambda: mine.picture(page="profile").startswith("wxfile://"), "the chosen picture")


def save(mine: Phone, name: str) -> None:
    mine.tell("submit", page="profile", selector=".choice", value={"nickName": name})


def pulled_until(mine: Phone, message: str | None) -> None:
    """Pulls the page down until WeChat's check has led to this."""

    def shows() -> bool:
        mine.tell("pull", page="profile")
        return mine.text(".picture-message", page="profile") == message

    mine.waits_for(shows, f"{message!r} at the picture")


def test_a_name_and_a_picture_are_saved_and_served_without_a_place(switch_on: SwitchOn, green: Path) -> None:
    with Image.open(green) as image:
        assert image.getexif().get_ifd(GPS)
    with switch_on() as mine:
        look(mine)
        choose(mine, green)
        save(mine, " 小红🎉 ")
        mine.waits_for(lambda: "/avatars/" in mine.picture(page="profile"), "the server's picture")
        assert mine.calls() == {"wx.uploadFile": 1, "UpdateProfile": 1}
        pulled_until(mine, None)
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "小红🎉")
        assert mine.fields()["Anonymous"] == "No"
        served = httpx.get(mine.picture(), trust_env=False)
    assert served.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(served.content)) as image:
        assert image.size == (600, 600)
        assert dict(image.getexif()) == {}
    assert b"Exif" not in served.content


def test_a_refused_name_is_shown_at_the_name_and_the_upload_is_kept(switch_on: SwitchOn, green: Path) -> None:
    with switch_on() as mine:
        look(mine)
        choose(mine, green)
        save(mine, "risky")
        mine.sees(".name-message", "WeChat does not allow this name. Choose another one.", page="profile")
        assert mine.text(".picture-message", page="profile") is None
        assert mine.calls() == {"wx.uploadFile": 1, "UpdateProfile": 1}
        save(mine, "小红")
        mine.waits_for(lambda: "/avatars/" in mine.picture(page="profile"), "the server's picture")
        assert mine.text(".name-message", page="profile") is None
        assert mine.calls() == {"UpdateProfile": 1}


def test_a_picture_that_is_not_chosen_after_all_leaves_the_one_before(switch_on: SwitchOn, green: Path) -> None:
    with switch_on() as mine:
        look(mine)
        choose(mine, green)
        chosen = mine.picture(page="profile")
        mine.tell("set", cancels=True)
        mine.tap(".choose", page="profile")
        assert mine.picture(page="profile") == chosen
        assert mine.text(".picture-message", page="profile") is None
        mine.tell("set", privacy="needed")
        mine.tap(".choose", page="profile")
        mine.waits_for(lambda: "privacy" in mine.tell("screen"), "the page that asks")
        mine.tap(".refuse", page="privacy")
        mine.sees(".picture-message", "You have not agreed to the privacy guidelines.", page="profile")
        assert mine.picture(page="profile") == chosen
        save(mine, "")
        mine.waits_for(lambda: "/avatars/" in mine.picture(page="profile"), "the server's picture")


@pytest.mark.parametrize("name", ["", " ", "微信用户", "n" * 33])
def test_what_is_no_name_is_not_kept(switch_on: SwitchOn, name: str) -> None:
    with switch_on() as mine:
        look(mine)
        save(mine, name)
        hint = "That cannot be used. Choose something else." if name.strip() else "Choose another name."
        mine.sees(".name-message", hint, page="profile")
        mine.tell("pull", page="profile")
        mine.sees(".name-message", None, page="profile")
        assert mine.fields()["Anonymous"] == "Yes"


def test_a_picture_that_wechat_refuses_later_is_gone_and_the_page_shows_it(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        look(mine)
        choose(mine, face="red")
        save(mine, "小红")
        pulled_until(mine, "Your picture was refused and is gone. Choose another one.")
        assert mine.text(".choose", page="profile") == "Choose a picture"
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "小红")
        assert mine.text(".picture") is None


def test_a_doubtful_picture_waits_for_an_operator(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        look(mine)
        choose(mine, face="yellow")
        save(mine, "")
        pulled_until(mine, "This picture is being looked at.")
        assert "/avatars/" in mine.picture(page="profile")


@pytest.mark.parametrize(
    ("content", "message"), [(b"no picture", UNUSABLE), (bytes(6_000_000), TOO_LARGE)], ids=["unusable", "too large"]
)
def test_a_picture_that_the_server_cannot_take_is_shown_at_the_picture(
    switch_on: SwitchOn, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "bad.jpg").write_bytes(content)
    with switch_on() as mine:
        look(mine)
        choose(mine, tmp_path / "bad.jpg")
        save(mine, "小红")
        mine.sees(".picture-message", message, page="profile")
        assert mine.text(".name-message", page="profile") is None
        assert mine.calls() == {"wx.uploadFile": 1}
        assert mine.text(".name") == "Nameless"


def test_a_proxy_that_takes_no_picture_so_large_is_understood(switch_on: SwitchOn, green: Path) -> None:
    with switch_on() as mine, refusing(413) as proxy:
        look(mine)
        mine.tell("configure", server=proxy)
        choose(mine, green)
        save(mine, "小红")
        mine.sees(".picture-message", TOO_LARGE, page="profile")


def test_a_token_that_expires_before_the_upload_is_renewed_once(switch_on: SwitchOn, green: Path, data: Path) -> None:
    with switch_on() as mine:
        look(mine)
        choose(mine, green)
        expire_every_session(data)
        save(mine, "小红")
        mine.waits_for(lambda: "/avatars/" in mine.picture(page="profile"), "the server's picture")
        assert mine.calls() == {"wx.uploadFile": 2, "wx.login": 1, "Login": 1, "UpdateProfile": 1}


def test_an_upload_that_is_too_old_is_sent_again(switch_on: SwitchOn, green: Path, data: Path) -> None:
    with switch_on() as mine:
        look(mine)
        choose(mine, green)
        save(mine, "risky")
        mine.sees(".name-message", "WeChat does not allow this name. Choose another one.", page="profile")
        mine.calls()
        with closing(sqlite3.connect(data / ".wxgate" / "wxgate.db", timeout=30)) as database, database:
            database.execute("UPDATE uploads SET expires_at = 1")
        save(mine, "小红")
        mine.waits_for(lambda: "/avatars/" in mine.picture(page="profile"), "the server's picture")
        assert mine.calls() == {"UpdateProfile": 2, "wx.uploadFile": 1}


@pytest.mark.parametrize("lost", ["wx.uploadFile", "UpdateProfile"])
def test_after_a_lost_answer_the_user_saves_the_same_again(switch_on: SwitchOn, green: Path, lost: str) -> None:
    with switch_on() as mine:
        look(mine)
        choose(mine, green)
        mine.tell("set", lost=[lost])
        save(mine, "小红")
        mine.sees(".message", NO_CONNECTION, page="profile")
        save(mine, "小红")
        mine.waits_for(lambda: "/avatars/" in mine.picture(page="profile"), "the server's picture")
        assert mine.text(".message", page="profile") is None
        assert httpx.get(mine.picture(page="profile"), trust_env=False).is_success


@contextmanager
def refusing(status: int) -> Iterator[str]:
    """A proxy that answers in HTML, whatever it is asked."""

    class Refusal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name is the base class's
            pass

    with HTTPServer(("127.0.0.1", 0), Refusal) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
            thread.join()
