"""Whatever is pushed is an event, none, or refused: no bytes make the parser raise anything else."""

from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from graph.wechat.errors import PushRefused
from tests.wechat.pushes import Push, push
from tests.wechat.test_media_check import RISKY
from tests.wechat.test_push import APP_ID, AT, REVOKE, opened, refused

TEXTS: Final = st.text(max_size=20)
FIELDS: Final = st.dictionaries(
    st.sampled_from(["OpenID", " openid", "AppID", "Event", "MsgType", "CreateTime", "RevokeInfo", "x"]) | TEXTS,
    st.recursive(TEXTS | st.integers() | st.none() | st.booleans() | st.floats(), st.lists, max_leaves=5),
    max_size=8,
)


@given(FIELDS)
@settings(max_examples=300, deadline=None)
def test_any_message_is_an_event_or_none_or_refused(fields: dict[str, object]) -> None:
    try:
        found = opened(push(REVOKE | fields, app_id=APP_ID, at=AT))
    except PushRefused:
        return
    assert found is None or 0 < len(found.openid) <= 64


VALUES: Final = TEXTS | st.integers() | st.none() | st.booleans() | st.floats() | st.sampled_from(["pass", "risky"])
CHECKED: Final = st.dictionaries(
    st.sampled_from(["trace_id", " Trace_ID", "result", " result", "errcode", "status_code", "isrisky", "detail"]),
    st.recursive(
        VALUES,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["suggest", "label", " Suggest", "x/y"]) | TEXTS, inner, max_size=4)
        ),
        max_leaves=8,
    ),
    max_size=8,
)


@given(CHECKED, st.sampled_from(["json", "xml"]))
@settings(max_examples=400, deadline=None)
def test_any_check_of_a_picture_is_read_within_bounds_or_refused(fields: dict[str, object], style: str) -> None:
    try:
        found = opened(push(RISKY | fields, app_id=APP_ID, at=AT, style=style))
    except PushRefused:
        return
    assert found is not None
    check = found.media_check
    assert check is not None
    assert 0 < len(check.trace_id) <= 64
    assert check.label is None or 0 <= check.label < 10**9
    assert (check.suggest is None) == (check.label is None)


@given(st.binary(max_size=200) | st.text(alphabet="<>/!&;[]{}\"':,\\ xEncrypt\x00é", max_size=80).map(str.encode))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_refused_without_another_error(body: bytes) -> None:
    refused(Push(push(REVOKE, app_id=APP_ID, at=AT).query, body))
