"""What a user can choose on the phone, and that it keeps its meaning on the way to the check of pictures."""

import sys
from io import BytesIO

import pytest
from PIL import Image

from graph.simulator.pictures import judge
from tests.simulator.conftest import Simulator
from tests.simulator.pictures import as_a_server_keeps_it


async def chosen(simulator: Simulator, **fields: object) -> bytes:
    answer = await simulator.phone("choose-avatar", **fields)
    assert answer.keys() == {"errMsg", "avatarUrl"}
    response = await simulator.http.get(answer["avatarUrl"])
    assert (response.status_code, response.headers["content-type"]) == (200, "image/png")
    return response.content


@pytest.mark.parametrize(
    ("face", "suggest"), [("red", "risky"), ("yellow", "review"), ("alice", "pass"), ("小明/../?&", "pass")]
)
async def test_a_face_is_found_for_what_it_is_named_after(simulator: Simulator, face: str, suggest: str) -> None:
    picture = await chosen(simulator, user="alice", face=face)
    assert judge(as_a_server_keeps_it(picture)) == suggest
    assert judge(picture) == "pass"  # no JPEG


async def test_a_user_has_a_face_which_stays_the_same(simulator: Simulator) -> None:
    alice, again, bob = [await chosen(simulator, user=user) for user in ("alice b", "alice b", "bob")]
    assert alice == again != bob
    with Image.open(BytesIO(alice)) as picture:
        assert picture.size == (320, 320)
        colours = picture.getcolors(maxcolors=100_000)
    assert colours is not None
    assert len(colours) == 2
    assert max(colours)[0] > 320 * 320 / 2


async def test_no_name_is_found_to_be_more_than_a_name(simulator: Simulator) -> None:
    for number in range(40):
        assert judge(as_a_server_keeps_it(await chosen(simulator, user=f"user{number}"))) == "pass"


async def test_a_user_who_chooses_nothing_gets_nothing(simulator: Simulator) -> None:
    assert await simulator.phone("choose-avatar", deny=True) == {"errMsg": "chooseAvatar:fail cancel"}


async def test_a_user_who_chooses_is_in_the_mini_program(simulator: Simulator) -> None:
    await simulator.phone("choose-avatar", user="alice")
    [user] = simulator.state.users
    assert user.last_seen == simulator.state.clock()


async def test_a_name_that_is_too_long_has_no_face(simulator: Simulator) -> None:
    assert (await simulator.http.get(f"/device/faces/{'a' * 65}.png")).status_code == 404
    response = await simulator.http.post("/device/choose-avatar", json={"face": "a" * 65})
    assert response.json()["errMsg"].startswith("chooseAvatar:fail face: ")


async def test_without_pillow_it_is_asked_for(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "graph.simulator.images", raising=False)
    response = await simulator.http.post("/device/choose-avatar", json={})
    assert response.status_code == 400
    assert "wxgate[avatars]" in response.json()["errMsg"]
    blank = await simulator.http.get("/device/faces/red.png")
    assert (blank.status_code, blank.headers["content-type"], len(blank.content)) == (200, "image/png", 68)
