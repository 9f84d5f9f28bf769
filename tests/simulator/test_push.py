"""The bytes that WeChat pushes: recorded ones made again, and fresh ones opened by a reader of its own."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from graph.simulator import SimulatorState
from graph.simulator.push import seal, sign, url_check, write
from tests.simulator.conftest import APP_ID, START, Clock, Simulator
from tests.simulator.receiver import Receiver, opened, read, receiving

VECTORS: Final = json.loads(Path(__file__).with_name("push_vectors.json").read_text("utf-8"))
RECORDED: Final = VECTORS["events"]
HEAD: Final = ["ToUserName", "FromUserName", "CreateTime", "MsgType", "Event"]


@pytest.mark.parametrize("recorded", RECORDED, ids=[recorded["id"] for recorded in RECORDED])
def test_the_same_salt_gives_the_recorded_bytes_and_signatures(recorded: dict[str, Any]) -> None:
    query = recorded["query"]
    message = recorded["plaintext"].encode()

    encrypted = seal(VECTORS["encoding_aes_key"], bytes.fromhex(recorded["salt"]), message, VECTORS["app_id"])

    assert encrypted == read(recorded["body"].encode())["Encrypt"]
    assert sign(VECTORS["token"], query["timestamp"], query["nonce"], encrypted) == query["msg_signature"]
    assert sign(VECTORS["token"], query["timestamp"], query["nonce"]) == query["signature"]


def test_wechats_own_sample_is_made_to_the_last_bit() -> None:
    message = (
        b'{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714112445,'
        b'"MsgType":"event","Event":"debug_demo","debug_str":"hello world"}'
    )
    encrypted = seal("A" * 43, b"a8eedb185eb2fecf", message, "wxba5fad812f8e6fb9")

    assert write(json.loads(message), "json") == message
    assert sign("AAAAA", "1714112445", "415670741", encrypted) == "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"
    assert sign("AAAAA", "1714112445", "415670741") == "6c5c811b55cc85e0e1b54100749188c20beb3f5d"
    assert sign("AAAAA", "1714036504", "1514711492") == "f464b24fc39322e44b38aa78f5edd27bd1441696"
    assert encrypted.startswith("+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPx")


def test_xml_is_written_as_it_was_recorded() -> None:
    [recorded] = [recorded for recorded in RECORDED if recorded["format"] == "xml"]

    for text in (recorded["plaintext"], recorded["body"]):
        assert write(read(text.encode()), "xml") == text.encode()


async def test_a_revoked_permission_is_pushed_in_safe_mode_as_json(
    simulator: Simulator, receiver: Receiver, clock: Clock
) -> None:
    openid = (await simulator.sign_in())["openid"]
    clock.time += 10
    push = simulator.state.apps[APP_ID].push

    answer = await simulator.phone("revoke", user="alice", info=[8])

    [pushed] = receiver.pushed
    assert pushed.method == "POST"
    assert pushed.headers["content-type"] == "application/json"
    assert pushed.query.keys() == {"signature", "timestamp", "nonce", "openid", "encrypt_type", "msg_signature"}
    assert pushed.query["timestamp"] == str(int(START + 10))
    assert pushed.query["encrypt_type"] == "aes"
    assert pushed.fields.keys() == {"ToUserName", "Encrypt"}
    encrypted = pushed.fields["Encrypt"]
    assert pushed.signed("signature", push.token)
    assert pushed.signed("msg_signature", push.token, encrypted)
    message, app_id = opened(encrypted, push.aes_key)
    assert app_id == APP_ID
    event = json.loads(message)
    assert list(event) == [*HEAD, " OpenID", " AppID", " RevokeInfo"]
    assert event == {
        "ToUserName": pushed.fields["ToUserName"],
        "FromUserName": pushed.query["openid"],
        "CreateTime": START + 10,
        "MsgType": "event",
        "Event": "user_authorization_revoke",
        " OpenID": openid,
        " AppID": APP_ID,
        " RevokeInfo": "8",
    }
    assert re.fullmatch(r"gh_[0-9a-f]{12}", event["ToUserName"])
    assert re.fullmatch(r"o[\w-]{27}", event["FromUserName"])
    assert event["FromUserName"] != openid
    assert answer == {
        "errMsg": "revoke:ok",
        "deliveries": [
            {
                "event": "user_authorization_revoke",
                "accepted": True,
                "tries": [{"status": 200, "answer": "success"}],
            }
        ],
    }


async def test_the_console_changes_mode_and_format_once_the_url_is_checked(
    simulator: Simulator, receiver: Receiver
) -> None:
    push = simulator.state.apps[APP_ID].push

    answer = await simulator.phone("message-push", mode="plain", format="xml")

    [checked] = receiver.pushed
    assert answer == {"errMsg": "messagePush:ok", "url": push.url, "mode": "plain", "format": "xml"}
    assert checked.method == "GET"
    assert checked.query.keys() == {"signature", "timestamp", "nonce", "echostr"}
    assert checked.signed("signature", push.token)


def test_the_check_of_a_url_keeps_the_query_that_the_url_has(state: SimulatorState) -> None:
    request, echo = url_check(state.apps[APP_ID].push, "http://server.test/?a=1", state.fakes, 7.9)

    assert request.url.params["echostr"] == echo
    assert request.url.params["timestamp"] == "7"
    assert request.url.params["a"] == "1"


async def test_a_server_that_fails_the_check_keeps_its_settings(simulator: Simulator) -> None:
    push = simulator.state.apps[APP_ID].push
    unset = await simulator.phone("message-push", mode="plain")
    with receiving() as receiver:
        push.url = f"{receiver.url}/of/nothing"
        refused = await simulator.phone("message-push", mode="plain")

    assert unset == {"errMsg": "messagePush:fail no URL is set"}
    assert refused == {"errMsg": "messagePush:fail token verification failed", "status": 404, "answer": "Not Found"}
    assert push.mode == "safe"


@pytest.mark.parametrize("written_as", ["json", "xml"])
async def test_plain_mode_signs_all_but_the_body(simulator: Simulator, receiver: Receiver, written_as: str) -> None:
    await simulator.phone("message-push", mode="plain", format=written_as)
    await simulator.phone("revoke", user="alice", info=[6, 8])

    pushed = receiver.pushed[-1]
    blank = " " if written_as == "json" else ""
    assert pushed.query.keys() == {"signature", "timestamp", "nonce", "openid"}
    assert pushed.signed("signature", simulator.state.apps[APP_ID].push.token)
    assert list(pushed.fields) == [*HEAD, f"{blank}OpenID", f"{blank}AppID", f"{blank}RevokeInfo"]
    assert pushed.fields[f"{blank}RevokeInfo"] == "6,8"
    assert pushed.headers["content-type"] == {"json": "application/json", "xml": "text/xml"}[written_as]


@pytest.mark.parametrize("written_as", ["json", "xml"])
async def test_compatible_mode_has_the_event_twice(simulator: Simulator, receiver: Receiver, written_as: str) -> None:
    push = simulator.state.apps[APP_ID].push
    await simulator.phone("message-push", mode="compatible", format=written_as)
    await simulator.phone("close-account", user="alice")

    pushed = receiver.pushed[-1]
    message, _ = opened(pushed.fields["Encrypt"], push.aes_key)
    assert read(message) | {"Encrypt": pushed.fields["Encrypt"]} == pushed.fields
    assert read(message)["Event"] == "user_authorization_cancellation"
    assert pushed.signed("msg_signature", push.token, pushed.fields["Encrypt"])
    assert pushed.signed("signature", push.token)


async def test_safe_mode_as_xml_hides_the_event_in_xml(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.phone("message-push", format="xml")
    await simulator.phone("modified", user="alice", nickName="Alice")

    pushed = receiver.pushed[-1]
    message, app_id = opened(pushed.fields["Encrypt"], simulator.state.apps[APP_ID].push.aes_key)
    assert pushed.fields.keys() == {"ToUserName", "Encrypt"}
    assert list(read(message)) == [*HEAD, "OpenID", "AppID"]
    assert read(message)["Event"] == "user_info_modified"
    assert app_id == APP_ID


def test_an_aes_key_has_43_letters_and_digits_and_is_not_printed(state: SimulatorState) -> None:
    push = state.apps[APP_ID].push

    assert re.fullmatch(r"[A-Za-z0-9]{43}", push.aes_key)
    assert re.fullmatch(r"[A-Za-z0-9]{32}", push.token)
    assert push.aes_key not in repr(push)
    assert push.token not in repr(push)
