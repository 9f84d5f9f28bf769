"""What WeChat answers at once: of pictures, of texts by the first version, and of how suspicious a user is."""

import threading
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from graph.simulator.endpoints import content
from tests.simulator.conftest import APP_ID, Clock, Simulator
from tests.simulator.pictures import encoded

IMAGE, TEXT, RISK = "/wxa/img_sec_check", "/wxa/msg_sec_check", "/wxa/getuserriskrank"
SHOP_ID = "wx1111111111111111"


async def send(simulator: Simulator, **request: Any) -> dict[str, Any]:
    token = (await simulator.stable_token())["access_token"]
    response = await simulator.http.post(IMAGE, params={"access_token": token}, **request)
    answer: dict[str, Any] = response.json()
    return answer


async def check(simulator: Simulator, data: bytes, name: str = "media") -> dict[str, Any]:
    return await send(simulator, files={name: ("picture.jpg", data, "image/jpeg")}, data={"note": "beside it"})


@pytest.mark.parametrize(("colour", "errcode"), [("red", 87014), ("yellow", 0), ("blue", 0)])
async def test_a_red_jpeg_is_risky_content(simulator: Simulator, colour: str, errcode: int) -> None:
    answer = await check(simulator, encoded(colour))
    assert answer["errcode"] == errcode
    assert answer["errmsg"].startswith("ok" if errcode == 0 else "risky content rid: ")


async def test_a_png_is_a_picture_and_other_bytes_are_none(simulator: Simulator) -> None:
    assert await check(simulator, encoded("blue", "PNG")) == {"errcode": 0, "errmsg": "ok"}
    assert (await check(simulator, b"\r\n--no picture\r\n\x00\xff"))["errcode"] == 40005


@pytest.mark.parametrize(
    ("size", "more", "errcode"),
    [
        ((750, 1334), 0, 0),
        ((751, 1334), 0, 40006),
        ((750, 1335), 0, 40006),
        ((64, 64), 1024 * 1024, 40006),
        ((64, 64), 3 * 1024 * 1024, 40006),
    ],
)
async def test_a_picture_beyond_a_megabyte_or_750_by_1334_is_40006(
    simulator: Simulator, size: tuple[int, int], more: int, errcode: int
) -> None:
    file = BytesIO()
    Image.new("RGB", size, "blue").save(file, "JPEG")
    assert (await check(simulator, file.getvalue() + bytes(more)))["errcode"] == errcode


async def test_a_large_picture_is_refused_before_it_is_decoded(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image.Image, "convert", None)
    assert (await check(simulator, encoded("red", size=1500)))["errcode"] == 40006


async def test_a_picture_is_decoded_beside_the_event_loop(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def judge(_: bytes) -> str:
        threads.append(threading.current_thread())
        return "pass"

    monkeypatch.setattr(content, "judge", judge)
    assert (await check(simulator, encoded("red")))["errcode"] == 0
    assert threading.main_thread() not in threads


async def test_a_picture_in_another_field_or_none_is_41005(simulator: Simulator) -> None:
    blue = encoded("blue")
    assert (await check(simulator, blue, name="image"))["errcode"] == 41005
    assert (await send(simulator, content=blue))["errcode"] == 41005
    broken = {"content-type": "multipart/form-data"}
    assert (await send(simulator, content=b"--x", headers=broken))["errcode"] == 41005


async def test_a_boundary_in_quotation_marks_is_41005_as_with_wechat(simulator: Simulator) -> None:
    request = httpx.Request("POST", "http://wechat.test", files={"media": encoded("blue")})
    body, plain = request.read(), request.headers["content-type"]
    quoted = plain.replace("boundary=", 'boundary="') + '"'
    assert (await send(simulator, content=body, headers={"content-type": plain}))["errcode"] == 0
    assert (await send(simulator, content=body, headers={"content-type": quoted}))["errcode"] == 41005


async def test_a_picture_wants_post_and_a_token(simulator: Simulator) -> None:
    assert (await simulator.get(IMAGE))["errcode"] == 43302
    assert (await simulator.post(IMAGE, {}))["errcode"] == 41001


@pytest.mark.parametrize(("text", "errcode"), [("你好", 0), ("this is risky", 87014), ("please review", 0)])
async def test_a_text_without_version_is_checked_by_the_first(simulator: Simulator, text: str, errcode: int) -> None:
    token = (await simulator.stable_token())["access_token"]
    answer = await simulator.post(TEXT, {"content": text}, access_token=token)
    assert answer["errcode"] == errcode
    assert "result" not in answer


async def rank(simulator: Simulator, **changes: Any) -> dict[str, Any]:
    token = (await simulator.stable_token())["access_token"]
    body = {"appid": APP_ID, "scene": 0, "client_ip": "203.0.113.1"} | changes
    return await simulator.post(RISK, body, access_token=token)


async def test_a_user_has_the_rank_that_was_set_in_every_app(simulator: Simulator) -> None:
    openid = (await simulator.sign_in())["openid"]
    first = await rank(simulator, openid=openid)
    await simulator.phone("risk-rank", user="alice", rank=4)

    # Both spelt as WeChat does.
    assert (first["errmsg"], first["risk_rank"]) == ("getuserriskrank succ", 0)
    assert isinstance(first["unoin_id"], int)
    assert (await rank(simulator, openid=openid, scene=2))["risk_rank"] == 4


async def test_a_rank_of_a_user_not_seen_for_two_hours_is_61010(simulator: Simulator, clock: Clock) -> None:
    openid = (await simulator.sign_in())["openid"]
    clock.time += 7201
    assert (await rank(simulator, openid=openid))["errcode"] == 61010


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"scene": 3}, 40129),
        ({"scene": None}, 40129),
        ({"openid": "o" * 28}, 40003),
        ({"openid": None}, 47001),
        ({"client_ip": ""}, 47001),
        ({"appid": SHOP_ID}, 43104),
    ],
    ids=str,
)
async def test_a_rank_asked_for_wrongly_has_its_errcode(
    simulator: Simulator, changes: dict[str, Any], errcode: int
) -> None:
    openid = (await simulator.sign_in())["openid"]
    assert (await rank(simulator, **({"openid": openid} | changes)))["errcode"] == errcode


async def test_an_openid_of_another_app_is_43104(simulator: Simulator) -> None:
    simulator.state.add_app(SHOP_ID, "secret")
    openid = simulator.state.apps[SHOP_ID].users.get("alice").openid
    assert (await rank(simulator, openid=openid))["errcode"] == 43104
