"""The event about a picture that WeChat has checked, in every way that it has been seen to be written."""

import json
from typing import Any, Final

import pytest

from graph.wechat.content_check import MediaCheck, Suggest
from graph.wechat.push import EventName, read_event
from tests.wechat.pushes import PLATFORM, push, written
from tests.wechat.test_push import APP_ID, AT, MADE_UP, opened, refused, vector_of

TRACE_ID: Final = "6928c6f6-00000000-00000001"
RESULT: Final = {"suggest": "risky", "label": 20002}
DETAIL: Final = {"strategy": "content_model", "errcode": 0, **RESULT, "prob": 90}
RISKY: Final[dict[str, Any]] = {
    "ToUserName": "gh_0123456789ab",
    "FromUserName": PLATFORM,
    "CreateTime": AT - 10,
    "MsgType": "event",
    "Event": "wxa_media_check",
    "appid": APP_ID,
    "trace_id": TRACE_ID,
    "version": 2,
    "detail": [DETAIL],
    "errcode": 0,
    "errmsg": "ok",
    "result": RESULT,
}
FOUND: Final = MediaCheck(TRACE_ID, Suggest.RISKY, 20002)
UNKNOWN: Final = MediaCheck(TRACE_ID, None, None)
# As Senparc's tests have one that WeChat sent: a single element for the details, and more around the result.
XML: Final = f"""<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>
<FromUserName><![CDATA[{PLATFORM}]]></FromUserName>
<CreateTime>{AT - 10}</CreateTime>
<MsgType><![CDATA[event]]></MsgType>
<Event><![CDATA[wxa_media_check]]></Event>
<appid><![CDATA[{APP_ID}]]></appid>
<trace_id><![CDATA[{TRACE_ID}]]></trace_id>
<version>2</version>
<detail><strategy><![CDATA[content_model]]></strategy><errcode>0</errcode>
<suggest><![CDATA[pass]]></suggest><label>100</label><prob>90</prob></detail>
<errcode>0</errcode>
<errmsg><![CDATA[ok]]></errmsg>
<result><suggest><![CDATA[risky]]></suggest><label>20002</label></result>
</xml>"""


def found(message: str) -> MediaCheck | None:
    event = read_event(message.encode(), APP_ID)
    assert event is not None
    assert (event.name, event.openid, event.revoked) == (EventName.MEDIA_CHECK, "", ())
    assert event.created_at == 1000 * (AT - 10)
    return event.media_check


def changed(**changes: object) -> str:
    """The message as JSON; a field of None is left out."""
    return json.dumps({name: value for name, value in (RISKY | changes).items() if value is not None})


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("media-risky-json-detail-object", FOUND),
        ("media-download-failed", MediaCheck("t", None, None)),
    ],
)
def test_each_vector_is_read(name: str, check: MediaCheck) -> None:
    event = opened(vector_of(name))
    assert event is not None
    assert event.media_check == check
    assert event.message.decode() == MADE_UP[name]["plaintext"]
    assert read_event(event.message, APP_ID) == event


@pytest.mark.parametrize("mode", ["safe", "compatible"])
@pytest.mark.parametrize("style", ["json", "xml"])
def test_it_is_read_in_each_format_and_mode(mode: str, style: str) -> None:
    message = RISKY if style == "json" else XML.encode()
    event = opened(push(message, app_id=APP_ID, at=AT, style=style, mode=mode))
    assert event is not None
    assert event.media_check == FOUND


@pytest.mark.parametrize(
    "message",
    [
        XML,
        changed(detail=DETAIL),
        changed(detail=[{"strategy": "keyword", "errcode": 0}]),
        changed(detail=None),
        changed(result=[RESULT]),
        changed(result={"Suggest": "Risky", " label": "20002"}),
        changed(errcode="0", CreateTime=str(AT - 10), MsgType="Event"),
        changed(errcode=None),
        changed(isrisky=0, status_code=0, extra_info_json=""),
        changed(version="2", OpenID="oSYNTHETIC0000000000000user1"),
        changed(**{"trace_id": None, " Trace_ID": TRACE_ID}),
        changed(**{"appid": None, " AppID": APP_ID}),
        changed(**{"result": None, " Result ": RESULT}),
    ],
)
def test_what_wechat_writes_in_several_ways_is_the_same(message: str) -> None:
    assert found(message) == FOUND


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"result": {"suggest": "pass", "label": 100}}, MediaCheck(TRACE_ID, Suggest.PASS, 100)),
        ({"result": {"suggest": "review"}}, MediaCheck(TRACE_ID, Suggest.REVIEW, 21000)),
        ({"result": {"suggest": "risky", "label": 10**12}}, MediaCheck(TRACE_ID, Suggest.RISKY, 21000)),
        ({"errcode": -1008}, UNKNOWN),
        ({"errcode": "-1008", "result": None, "detail": None}, UNKNOWN),
        ({"errcode": 0, "status_code": 4294966288}, UNKNOWN),
        ({"errcode": 1}, UNKNOWN),
        ({"errcode": -1}, UNKNOWN),
        ({"errcode": "odd"}, UNKNOWN),
        ({"errcode": [-1008, 1]}, UNKNOWN),
        ({"result": None}, UNKNOWN),
        ({"result": "risky"}, UNKNOWN),
        ({"result": None, "detail": [{"result": RESULT}]}, UNKNOWN),
        ({"result": {"suggest": "fine", "label": 100}}, UNKNOWN),
        ({"result": [{"suggest": "pass"}, RESULT]}, UNKNOWN),
        ({"result": {"suggest": {"suggest": "pass"}}}, UNKNOWN),
        # What version 1 had counts only against a picture.
        ({"result": None, "isrisky": 1}, MediaCheck(TRACE_ID, Suggest.RISKY, 21000)),
        ({"result": None, "isrisky": 0}, UNKNOWN),
        ({"result": {"suggest": "pass", "label": 100}, "isrisky": 1}, MediaCheck(TRACE_ID, Suggest.PASS, 100)),
    ],
    ids=str,
)
def test_what_it_does_not_vouch_for_is_no_verdict(changes: dict[str, object], check: MediaCheck) -> None:
    assert found(changed(**changes)) == check


@pytest.mark.parametrize("changes", [{"errcode": -1008}, {"isrisky": 1}], ids=str)
def test_plain_fields_are_read_from_xml_too(changes: dict[str, object]) -> None:
    message = {name: value for name, value in RISKY.items() if name not in {"result", "detail"}} | changes
    assert found(written(message, "xml")) == found(written(message, "json"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trace_id": ""}, "message"),
        ({"trace_id": None}, "message"),
        ({"trace_id": "a" * 65}, "message"),
        ({"trace_id": "a b"}, "message"),
        ({"trace_id": "é"}, "message"),
        ({"trace_id": ["a", "b"]}, "message"),
        ({"CreateTime": None}, "message"),
        ({"appid": "wx1111111111111111"}, "app"),
        ({"AppID": "wx1111111111111111"}, "app"),
    ],
    ids=str,
)
def test_one_that_cannot_be_right_is_refused(changes: dict[str, object], reason: str) -> None:
    assert refused(push(RISKY | changes, app_id=APP_ID, at=AT)) == reason


def test_another_events_nested_fields_stay_out_of_its_own() -> None:
    event = read_event(
        json.dumps({**RISKY, "Event": "user_info_modified", "OpenID": "o1", "x": {"openid": "o2"}}).encode(), APP_ID
    )
    assert event is not None
    assert (event.openid, event.media_check) == ("o1", None)


def test_the_trace_id_is_not_printed() -> None:
    event = opened(push(RISKY, app_id=APP_ID, at=AT))
    assert event is not None
    assert TRACE_ID not in f"{event!r} {event.media_check!r}"
