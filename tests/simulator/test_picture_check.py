"""`/wxa/media_check_async`, version 2, and the event about what WeChat has found."""

import json
import logging
import socket
import subprocess
import sys
from typing import Any

import pytest

from graph.simulator import images, pictures
from tests.simulator.checks import PATH, check, check_only, event, read, shown, until
from tests.simulator.conftest import APP_ID, START, Clock, Simulator
from tests.simulator.pictures import Pictures
from tests.simulator.receiver import Receiver


async def test_the_response_has_a_trace_id_and_the_event_what_was_found(
    simulator: Simulator, receiver: Receiver, host: Pictures
) -> None:
    answer = await check(simulator, f"{host.url}/red")

    assert answer == {"errcode": 0, "errmsg": "ok", "trace_id": answer["trace_id"]}
    push = simulator.state.apps[APP_ID].push
    result = {"suggest": "risky", "label": 20002}
    assert await event(simulator.state, receiver) == {
        "ToUserName": push.user_name,
        "FromUserName": push.platform,
        "CreateTime": int(START),
        "MsgType": "event",
        "Event": "wxa_media_check",
        "appid": APP_ID,
        "trace_id": answer["trace_id"],
        "version": 2,
        "detail": [{"strategy": "content_model", "errcode": 0, **result, "prob": 90}],
        "errcode": 0,
        "errmsg": "ok",
        "result": result,
    }
    assert host.asked == ["red"]


@pytest.mark.parametrize(
    ("name", "suggest"),
    [
        ("red", "risky"),
        ("nearly-red", "risky"),
        ("yellow", "review"),
        ("blue", "pass"),
        ("orange", "pass"),
        ("red-png", "pass"),
        ("large", "risky"),
    ],
)
async def test_the_centre_of_a_jpeg_decides(
    simulator: Simulator, receiver: Receiver, host: Pictures, name: str, suggest: str
) -> None:
    await check(simulator, f"{host.url}/{name}")
    assert (await event(simulator.state, receiver))["result"]["suggest"] == suggest


@pytest.mark.parametrize(
    "name", ["missing", "moved", "too-large", "endless", "hangs", "page", "cut", "nothing", "red-webp"], ids=str
)
async def test_what_cannot_be_had_or_is_no_picture_is_reported_as_minus_1008(
    simulator: Simulator,
    receiver: Receiver,
    host: Pictures,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if name == "hangs":
        monkeypatch.setattr(pictures, "DOWNLOAD_SECONDS", 0.2)
    caplog.set_level(logging.DEBUG, "graph")

    trace_id = (await check(simulator, f"{host.url}/{name}"))["trace_id"]

    found = await event(simulator.state, receiver)
    head = {"ToUserName", "FromUserName", "CreateTime", "MsgType", "Event"}
    assert {name: value for name, value in found.items() if name not in head} == {
        "appid": APP_ID,
        "trace_id": trace_id,
        "version": 2,
        "errcode": -1008,
        "errmsg": "download failed",
    }
    assert host.url not in "".join(str(vars(record)) for record in caplog.records)
    assert "session_key" in await simulator.sign_in()


async def test_a_server_that_is_not_there_is_reported_as_minus_1008(simulator: Simulator, receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    await check(simulator, f"http://127.0.0.1:{port}/red")
    assert (await event(simulator.state, receiver))["errcode"] == -1008


async def test_a_huge_picture_is_not_decoded(
    simulator: Simulator, receiver: Receiver, host: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 64 * 64 - 1)
    await check(simulator, f"{host.url}/red")
    assert (await event(simulator.state, receiver))["errcode"] == -1008


async def test_without_pillow_every_picture_passes(
    simulator: Simulator, receiver: Receiver, host: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "graph.simulator.images", raising=False)
    await check(simulator, f"{host.url}/red")
    assert (await event(simulator.state, receiver))["result"] == {"suggest": "pass", "label": 100}


def test_the_simulator_starts_without_pillow() -> None:
    code = "import sys; sys.modules['PIL'] = None; import graph.simulator.serving, graph.simulator.pytest_plugin"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("style", ["json", "xml"])
async def test_the_details_are_a_list_in_json_and_one_element_in_xml(
    simulator: Simulator, receiver: Receiver, host: Pictures, style: str
) -> None:
    push = simulator.state.apps[APP_ID].push
    push.mode, push.format = "plain", style  # type: ignore[assignment]
    trace_id = (await check(simulator, f"{host.url}/blue"))["trace_id"]
    await until(lambda: receiver.pushed)
    body = receiver.pushed[0].body.decode()
    if style == "xml":
        assert body.endswith(
            f"<appid><![CDATA[{APP_ID}]]></appid><trace_id><![CDATA[{trace_id}]]></trace_id><version>2</version>"
            "<detail><strategy><![CDATA[content_model]]></strategy><errcode>0</errcode><suggest><![CDATA[pass]]></suggest>"
            "<label>100</label><prob>90</prob></detail><errcode>0</errcode><errmsg><![CDATA[ok]]></errmsg>"
            "<result><suggest><![CDATA[pass]]></suggest><label>100</label></result></xml>"
        )
    else:
        assert isinstance(json.loads(body)["detail"], list)


async def test_the_event_is_tried_three_times_in_all(simulator: Simulator, receiver: Receiver, host: Pictures) -> None:
    simulator.state.apps[APP_ID].push.interval = 0
    receiver.answers = [(503, ""), (503, ""), (200, "success")]
    await check(simulator, f"{host.url}/blue")
    await event(simulator.state, receiver, 3)
    assert len({json.dumps(read(simulator.state, pushed)) for pushed in receiver.pushed}) == 1


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"openid": None}, 40003),
        ({"openid": "o" * 28}, 40003),
        ({"scene": 5}, 40129),
        ({"scene": None}, 40129),
        ({"version": 1}, 47001),
        ({"version": None}, 47001),
        ({"media_type": 1}, 47001),
        ({"media_type": "picture"}, 47001),
        ({"media_url": ""}, 44002),
        ({"media_url": 7}, 47001),
        ({"media_url": "file:///etc/passwd"}, 40066),
        ({"media_url": "https://"}, 40066),
        ({"media_url": "http://[::1/red"}, 40066),
        ({"media_url": "/avatars/1.jpg"}, 40066),
    ],
    ids=str,
)
async def test_a_wrong_field_has_its_errcode(simulator: Simulator, changes: dict[str, Any], errcode: int) -> None:
    openid = (await simulator.sign_in())["openid"]
    answer = await check_only(simulator, "http://127.0.0.1/red", **({"openid": openid} | changes))
    assert answer["errcode"] == errcode
    assert await shown(simulator) == []


async def test_a_user_not_seen_for_two_hours_is_61010(simulator: Simulator, host: Pictures, clock: Clock) -> None:
    openid = (await simulator.sign_in())["openid"]
    clock.time += 7200
    assert (await check_only(simulator, f"{host.url}/blue", openid=openid))["errcode"] == 0
    clock.time += 1
    assert (await check_only(simulator, f"{host.url}/blue", openid=openid))["errcode"] == 61010


async def test_get_is_43302_and_a_wrong_token_40001(simulator: Simulator) -> None:
    assert (await simulator.get(PATH))["errcode"] == 43302
    assert (await simulator.post(PATH, {"media_url": "x"}, access_token="wrong"))["errcode"] == 40001


async def test_a_fault_keeps_a_check_from_beginning_unless_it_is_carried_out(
    simulator: Simulator, host: Pictures
) -> None:
    await simulator.phone("faults", kind="errcode", path=PATH, errcode=45009)
    assert (await check(simulator, f"{host.url}/blue"))["errcode"] == 45009
    assert await shown(simulator) == []
    await simulator.phone("faults", kind="errcode", path=PATH, carriedOut=True)
    assert (await check(simulator, f"{host.url}/blue"))["errcode"] == -1
    assert len(await shown(simulator)) == 1
