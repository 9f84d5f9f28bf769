"""Ways into a mini-program: codes to scan, and links."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from graph.simulator.endpoints import links
from tests.simulator.conftest import START, Simulator

CODE, SCHEME, LINK = "/wxa/getwxacodeunlimit", "/wxa/generatescheme", "/wxa/generate_urllink"
NOW = int(START)


async def post(simulator: Simulator, path: str, body: object) -> Any:
    token = (await simulator.stable_token())["access_token"]
    return await simulator.http.post(path, params={"access_token": token}, json=body)


async def test_a_code_is_a_jpeg_of_the_width_whose_comment_is_its_scene(simulator: Simulator) -> None:
    answer = await post(simulator, CODE, {"scene": "id=7", "page": "pages/index/index", "width": 300})

    assert answer.headers["content-type"] == "image/jpeg"
    picture = Image.open(BytesIO(answer.content))
    assert (picture.format, picture.size) == ("JPEG", (300, 300))
    assert picture.info["comment"] == b"scene=id=7&page=pages/index/index"
    other = await post(simulator, CODE, {"scene": "id=8", "width": 300})
    assert Image.open(BytesIO(other.content)).tobytes() != picture.tobytes()


@pytest.mark.parametrize(("asked", "given"), [(1, 280), (None, 430), (9999, 1280)])
async def test_a_transparent_code_is_a_png_within_the_widths_of_wechat(
    simulator: Simulator, asked: int | None, given: int
) -> None:
    width = {} if asked is None else {"width": asked}
    answer = await post(simulator, CODE, {"scene": "a", "is_hyaline": True} | width)

    picture = Image.open(BytesIO(answer.content))
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGBA", (given, given))
    assert picture.info["comment"] == "scene=a&page="


async def test_without_pillow_a_code_is_a_blank_png(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "load_images", lambda: None)
    answer = await post(simulator, CODE, {"scene": "a"})
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({}, 40169),
        ({"scene": ""}, 40169),
        ({"scene": "x" * 33}, 40169),
        ({"scene": "a b"}, 40169),
        ({"scene": "中"}, 40169),
        ({"scene": "a", "env_version": "formal"}, 40097),
        ({"scene": "a", "width": "wide"}, 40097),
        ({"scene": "a", "page": "/pages/index/index"}, 41030),
        ({"scene": "a", "page": "pages/index/index?id=1"}, 41030),
        ({"scene": "a", "page": "pages/unknown"}, 41030),
        ({"scene": "a", "page": "/pages/unknown", "check_path": False}, 41030),
        ([], 47001),
    ],
    ids=str,
)
async def test_a_code_that_cannot_be_has_its_errcode(simulator: Simulator, body: object, errcode: int) -> None:
    await simulator.phone("pages", pages=["pages/index/index"])
    assert (await post(simulator, CODE, body)).json()["errcode"] == errcode


@pytest.mark.parametrize("page", ["/pages/index/index", "pages/index/index?id=1"])
async def test_no_app_has_a_page_with_a_slash_in_front_or_a_query(simulator: Simulator, page: str) -> None:
    assert (await post(simulator, CODE, {"scene": "a", "page": page})).json()["errcode"] == 41030


async def test_a_page_that_is_not_published_needs_no_check(simulator: Simulator) -> None:
    body = {"scene": "a", "page": "pages/next", "check_path": False}
    await simulator.phone("pages", pages=["pages/index/index"])
    assert (await post(simulator, CODE, body)).headers["content-type"] == "image/jpeg"
    await simulator.phone("pages")
    assert (await post(simulator, CODE, body | {"check_path": True})).headers["content-type"] == "image/jpeg"


async def test_a_fault_can_take_the_place_of_a_code_or_cut_it(simulator: Simulator) -> None:
    whole = (await post(simulator, CODE, {"scene": "a"})).content
    for kind in ("errcode", "truncated", "missing-openid"):
        await simulator.phone("faults", kind=kind, path=CODE)
    assert (await post(simulator, CODE, {"scene": "a"})).json()["errcode"] == -1
    assert (await post(simulator, CODE, {"scene": "a"})).content == whole[: len(whole) // 2]
    assert (await post(simulator, CODE, {"scene": "a"})).content == whole


async def test_a_scheme_and_a_link_look_as_wechats_do(simulator: Simulator) -> None:
    target = {"path": "/pages/index/index", "query": "id=7&from=%E4%B8%AD", "env_version": "trial"}
    days = {"is_expire": True, "expire_type": 1, "expire_interval": 30}
    scheme = (await post(simulator, SCHEME, {"jump_wxa": target} | days)).json()
    link = (await post(simulator, LINK, target | days)).json()

    assert scheme.keys() == {"errcode", "errmsg", "openlink"}
    assert link.keys() == {"errcode", "errmsg", "url_link"}
    start, ticket = scheme["openlink"].split("?t=")
    assert (start, len(ticket)) == ("weixin://dl/business/", 11)
    assert link["url_link"].startswith("https://wxaurl.cn/")


@pytest.mark.parametrize("path", [SCHEME, LINK])
@pytest.mark.parametrize(
    ("target", "ends", "errcode"),
    [
        ({}, {}, 0),
        ({}, {"is_expire": True, "expire_time": NOW + 61}, 0),
        ({}, {"is_expire": True, "expire_time": NOW + 60}, 85401),
        ({}, {"expire_type": 0, "expire_time": NOW + 30 * 86400}, 0),
        ({}, {"expire_type": 0, "expire_time": NOW + 30 * 86400 + 1}, 85401),
        ({}, {"is_expire": True}, 85401),
        ({}, {"expire_type": 1}, 85401),
        ({}, {"expire_type": 1, "expire_interval": 31}, 85401),
        ({}, {"expire_type": 2}, 40097),
        ({"path": "pages/unknown"}, {}, 40165),
        ({"path": "pages/index/index?id=1"}, {}, 40165),
        ({"query": "name=中"}, {}, 40212),
        ({"query": "x" * 1025}, {}, 40212),
        ({"query": 7}, {}, 47001),
        ({"env_version": "formal"}, {}, 85402),
    ],
    ids=str,
)
async def test_a_link_is_checked_as_wechat_documents_it(
    simulator: Simulator, path: str, target: dict[str, Any], ends: dict[str, Any], errcode: int
) -> None:
    await simulator.phone("pages", pages=["pages/index/index"])
    body = {"jump_wxa": target, **ends} if path == SCHEME else target | ends
    assert (await post(simulator, path, body)).json()["errcode"] == errcode


@pytest.mark.parametrize("path", [SCHEME, LINK])
async def test_no_end_in_full_words_is_no_end(simulator: Simulator, path: str) -> None:
    assert (await post(simulator, path, {"is_expire": False, "expire_time": 0})).json()["errcode"] == 0


@pytest.mark.parametrize(("length", "kind"), [(1024, "image/jpeg"), (1025, "text/plain")])
async def test_a_page_may_be_long_but_not_endless(simulator: Simulator, length: int, kind: str) -> None:
    body = {"scene": "a", "page": "p" * length, "check_path": False}
    answer = await post(simulator, CODE, body)
    assert answer.headers["content-type"] == kind
    assert kind == "image/jpeg" or answer.json()["errcode"] == 41030


@pytest.mark.parametrize("path", [CODE, SCHEME, LINK])
async def test_get_is_43302_and_a_wrong_token_40001(simulator: Simulator, path: str) -> None:
    assert (await simulator.get(path))["errcode"] == 43302
    assert (await simulator.post(path, {"scene": "a"}, access_token="wrong"))["errcode"] == 40001
