"""What WeChat pushes: its own samples open, every way to change one is refused, and both formats say the same."""

import json
import tracemalloc
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr

from graph.wechat.errors import PushRefused
from graph.wechat.mini_programs import PushKeys
from graph.wechat.push import EventName, PushedEvent, open_push, read_event, read_url_check
from tests.wechat.pushes import AES_KEY, TOKEN, Push, event, push, signed, written

VECTORS: Final = json.loads(Path(__file__).with_name("push_vectors.json").read_text("utf-8"))
OFFICIAL: Final = {vector["id"]: vector for vector in VECTORS["official"]}
MADE_UP: Final = {vector["id"]: vector for vector in VECTORS["messages"]}
BAD: Final = [name for name, vector in MADE_UP.items() if vector["expect"] == "403"]
APP_ID: Final = VECTORS["app_id"]
OPENID: Final = "oSYNTHETIC0000000000000user1"
AT: Final = 1_764_280_000
KEYS: Final = PushKeys(SecretStr(TOKEN), SecretStr(AES_KEY))
REVOKE: Final = event("user_authorization_revoke", OPENID, app_id=APP_ID, at=AT - 10, RevokeInfo="8")


def keys(vector: dict[str, Any]) -> PushKeys:
    return PushKeys(SecretStr(vector.get("token", TOKEN)), SecretStr(vector["encoding_aes_key"]))


def opened(pushed: Push, *, now: float = AT, plain_allowed: bool = False) -> PushedEvent | None:
    return open_push(APP_ID, KEYS, pushed.query, pushed.body, now=now, plain_allowed=plain_allowed)


def refused(pushed: Push, *, now: float = AT, plain_allowed: bool = False) -> str:
    with pytest.raises(PushRefused) as caught:
        opened(pushed, now=now, plain_allowed=plain_allowed)
    assert str(caught.value) == "This push is not WeChat's."
    return caught.value.reason


def vector_of(name: str) -> Push:
    return Push(MADE_UP[name]["query"], MADE_UP[name]["body"].encode())


def test_no_vector_is_left_out() -> None:
    assert len(MADE_UP) == 13
    assert (VECTORS["token"], VECTORS["encoding_aes_key"]) == (TOKEN, AES_KEY)
    good = {"revoke-phone-json-blank-keys", "cancellation-xml", "whole-block-of-padding"}
    media = {"media-risky-json-detail-object", "media-download-failed"}
    assert {*MADE_UP} - {*BAD} == good | media


def test_a_phone_number_is_revoked_under_keys_with_blanks() -> None:
    found = opened(vector_of("revoke-phone-json-blank-keys"))
    assert found is not None
    assert (found.name, found.openid, found.revoked) == (EventName.REVOKE, OPENID, (8,))
    assert found.created_at == 1000 * (AT - 10)
    assert found.message.decode() == MADE_UP["revoke-phone-json-blank-keys"]["plaintext"]


def test_an_account_is_cancelled_in_xml() -> None:
    found = opened(vector_of("cancellation-xml"))
    assert found is not None
    assert (found.name, found.openid, found.revoked) == (EventName.CANCELLATION, OPENID, ())


def test_what_the_server_does_not_act_on_is_no_event() -> None:
    assert opened(vector_of("whole-block-of-padding")) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wrong-appid", "app"),
        ("bad-padding-byte", "decryption"),
        ("zero-padding", "decryption"),
        ("padding-over-32", "decryption"),
        ("length-too-long", "decryption"),
        ("length-negative", "decryption"),
        ("not-base64", "decryption"),
        ("signature-instead-of-msg_signature", "signature"),
    ],
)
def test_a_malformed_vector_is_refused_for_its_own_reason(name: str, reason: str) -> None:
    assert name in BAD
    assert refused(vector_of(name)) == reason


def test_the_official_url_check_is_answered() -> None:
    for vector in (OFFICIAL["url check"], VECTORS | VECTORS["url_check"]):
        now = int(vector["query"]["timestamp"])
        assert read_url_check(keys(vector), vector["query"], now=now) == vector["answer"]


def test_the_official_encrypted_push_opens_and_is_of_no_user() -> None:
    vector = OFFICIAL["safe"]
    body = written({"ToUserName": "gh_97417a04a28d", "Encrypt": vector["encrypt"]}, "json").encode()
    query, now = vector["query"], int(vector["query"]["timestamp"])
    arguments: dict[str, Any] = {"now": now, "plain_allowed": False}
    assert open_push(vector["app_id"], keys(vector), query, body, **arguments) is None
    with pytest.raises(PushRefused, match="WeChat's") as caught:
        open_push(APP_ID, keys(vector), query, body, **arguments)
    assert caught.value.reason == "app"


def test_the_official_plain_push_is_signed_and_yet_refused() -> None:
    vector = OFFICIAL["plain"]
    query, now = vector["query"], int(vector["query"]["timestamp"])
    with pytest.raises(PushRefused) as caught:
        open_push(vector["app_id"], keys(vector), query, b"{}", now=now, plain_allowed=False)
    assert caught.value.reason == "plain"
    assert open_push(vector["app_id"], keys(vector), query, b"{}", now=now, plain_allowed=True) is None


def test_the_sample_of_wechats_own_code_has_a_key_that_is_not_canonical() -> None:
    vector = OFFICIAL["WXBizMsgCrypt's sample"]
    app_id, body = vector["app_id"], written({"Encrypt": vector["encrypt"]}, "xml").encode()
    query = {"timestamp": str(AT), "nonce": "1", "msg_signature": signed(TOKEN, str(AT), "1", vector["encrypt"])}
    with pytest.raises(PushRefused) as caught:
        open_push(app_id, keys(vector), query, body, now=AT, plain_allowed=False)
    assert caught.value.reason == "message"  # it is opened: its text is neither JSON nor XML


@pytest.mark.parametrize("style", ["json", "xml"])
@pytest.mark.parametrize("mode", ["safe", "compatible"])
@pytest.mark.parametrize("name", [name for name in EventName if name is not EventName.MEDIA_CHECK])
def test_each_event_is_read_in_each_format_and_mode(name: EventName, mode: str, style: str) -> None:
    message = event(name, OPENID, app_id=APP_ID, at=AT - 10, RevokeInfo="6,8")
    found = opened(push(message, app_id=APP_ID, at=AT, style=style, mode=mode))
    assert found is not None
    assert (found.name, found.openid, found.created_at) == (name, OPENID, 1000 * (AT - 10))
    assert found.revoked == (6, 8)
    assert read_event(found.message, APP_ID) == found


def test_of_a_message_both_ways_only_the_encrypted_one_counts() -> None:
    pushed = push(REVOKE, app_id=APP_ID, at=AT, mode="compatible")
    body = json.loads(pushed.body) | {"OpenID": "oSYNTHETIC0000000000000user2", "Event": "user_info_modified"}
    found = opened(Push(pushed.query, json.dumps(body).encode()), plain_allowed=True)
    assert found is not None
    assert (found.name, found.openid) == (EventName.REVOKE, OPENID)


@pytest.mark.parametrize(
    ("fields", "revoked"),
    [
        ({"revokeinfo": 8}, (8,)),
        ({" RevokeInfo ": ["8"]}, (8,)),
        ({"REVOKEINFO": "6, 8; 201"}, (6, 8, 201)),
        ({"RevokeInfo": [6, "8"]}, (6, 8)),
        ({"RevokeInfo": ""}, ()),
        ({"RevokeInfo": {"a": 8}}, ()),
        ({"RevokeInfo": None}, ()),
        ({}, ()),
    ],
)
def test_what_is_revoked_is_read_in_every_way_that_it_is_written(
    fields: dict[str, object], revoked: tuple[int, ...]
) -> None:
    message = {**{name: value for name, value in REVOKE.items() if name != "RevokeInfo"}, **fields}
    found = read_event(json.dumps(message).encode(), APP_ID)
    assert found is not None
    assert found.revoked == revoked


@pytest.mark.parametrize(
    "changes",
    [
        {"CreateTime": str(AT - 10)},
        {"CreateTime": [AT - 10]},
        {"MsgType": "Event"},
        {"Event": "USER_AUTHORIZATION_REVOKE"},
        {"AppID": [APP_ID]},
        {"AppID": ""},
        {"OpenID": f" {OPENID}\n"},
    ],
    ids=str,
)
def test_what_wechat_writes_in_several_ways_is_the_same(changes: dict[str, object]) -> None:
    found = read_event(json.dumps(REVOKE | changes).encode(), APP_ID)
    assert found is not None
    assert (found.openid, found.created_at) == (OPENID, 1000 * (AT - 10))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"AppID": "wx1111111111111111"}, "app"),
        ({"appid": "wx1111111111111111"}, "app"),
        ({"openid": "oSYNTHETIC0000000000000user2"}, "message"),
        ({"OpenID": ""}, "message"),
        ({"OpenID": "o" * 65}, "message"),
        ({"OpenID": "o\u0000"}, "message"),
        ({"OpenID": None}, "message"),
        ({"CreateTime": "yesterday"}, "message"),
        ({"CreateTime": -1}, "message"),
        ({"CreateTime": 10**12}, "message"),
        ({"CreateTime": True}, "message"),
    ],
    ids=str,
)
def test_a_message_that_cannot_be_right_is_refused(changes: dict[str, object], reason: str) -> None:
    assert refused(push(REVOKE | changes, app_id=APP_ID, at=AT)) == reason


@pytest.mark.parametrize("seconds", [-601, 601, 660])
def test_a_push_of_another_time_is_refused(seconds: int) -> None:
    pushed = push(REVOKE, app_id=APP_ID, at=AT)
    assert refused(pushed, now=AT + seconds) == "time"
    assert opened(pushed, now=AT + 600 if seconds > 0 else AT - 600) is not None
    with pytest.raises(PushRefused):
        read_url_check(KEYS, VECTORS["url_check"]["query"], now=AT + seconds)


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": f"0{AT}"},
        {"timestamp": f"{AT}.0"},
        {"timestamp": f"+{AT}"},
        {"timestamp": "１７６４２８００００"},
        {"nonce": ""},
        {"nonce": "1" * 129},
        {"nonce": "é"},
        {"msg_signature": ""},
        {"msg_signature": "é" * 40},
        {"msg_signature": "a" * 129},
    ],
    ids=str,
)
def test_parameters_of_another_shape_are_refused(change: dict[str, str]) -> None:
    assert refused(push(REVOKE, app_id=APP_ID, at=AT).with_query(**change)) in {"request", "time"}


def test_a_signature_covers_time_nonce_and_what_is_encrypted() -> None:
    pushed, other = push(REVOKE, app_id=APP_ID, at=AT), push(REVOKE | {"RevokeInfo": "6"}, app_id=APP_ID, at=AT)
    assert refused(Push(pushed.query, other.body)) == "signature"
    assert refused(pushed.with_query(nonce=f"{pushed.query['nonce']}1")) == "signature"
    assert refused(pushed.with_query(timestamp=str(AT + 1))) == "signature"
    assert refused(pushed.with_query(msg_signature=pushed.query["msg_signature"].upper())) == "signature"
    assert refused(push(REVOKE, app_id=APP_ID, at=AT, token="another")) == "signature"
    assert refused(push(REVOKE, app_id=APP_ID, at=AT, aes_key=AES_KEY[::-1])) == "decryption"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"success",
        b"[]",
        b'{"Encrypt": ""}',
        b'{"Encrypt": "a", "encrypt": "b"}',
        b'{"Encrypt": "a", "Encrypt": "a"}',
        b"\xff\xfe{}",
        b"<xml><Encrypt>a</Encrypt>",
        b"<xml><Encrypt>a</Encrypt><Encrypt>b</Encrypt></xml>",
        b"<!DOCTYPE xml SYSTEM 'file:///etc/passwd'><xml><Encrypt>a</Encrypt></xml>",
        b"<!DOCTYPE xml [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><xml><Encrypt>&e;</Encrypt></xml>",
        b"<a>" * 9 + b"</a>" * 9,
        b"<a>" * 9_000 + b"</a>" * 9_000,
        b'{"a":' * 9 + b"1" + b"}" * 9,
        b'{"a":' + b"[" * 60_000 + b"]" * 60_000 + b"}",
    ],
    ids=lambda body: str(body[:40]),
)
def test_a_body_that_is_no_envelope_is_refused(body: bytes) -> None:
    assert refused(Push(push(REVOKE, app_id=APP_ID, at=AT).query, body)) == "body"


ENTITIES: Final = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
LAUGHS: Final = f'<!DOCTYPE xml [<!ENTITY l0 "ha">{ENTITIES}]><xml><Encrypt>&l9;</Encrypt></xml>'
NAMES: Final = "".join(f"<a{number}/>" for number in range(3000))


@pytest.mark.parametrize("costly", [LAUGHS, f'<xml\nxmlns="{"u" * 30_000}">{NAMES}</xml>'], ids=["laughs", "namespace"])
def test_a_body_that_a_parser_would_make_much_of_costs_nothing(costly: str) -> None:
    tracemalloc.start()
    try:
        assert refused(Push(push(REVOKE, app_id=APP_ID, at=AT).query, costly.encode())) == "body"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_what_an_event_is_about_is_not_printed() -> None:
    found = opened(push(REVOKE, app_id=APP_ID, at=AT))
    assert OPENID not in f"{found} {found!r}"
    assert not any(secret in f"{KEYS!r}" for secret in (TOKEN, AES_KEY))
