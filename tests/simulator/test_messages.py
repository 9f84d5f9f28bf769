"""Messages that users subscribe to."""

from typing import Any

import pytest

from tests.simulator.conftest import APP_ID, Simulator

SEND, TEMPLATES = "/cgi-bin/message/subscribe/send", "/wxaapi/newtmpl/gettemplate"
DATA = {"time1": {"value": "2026年1月1日 12:00"}, "thing2": {"value": "iPhone"}}


async def template(simulator: Simulator) -> dict[str, Any]:
    token = (await simulator.stable_token())["access_token"]
    [template] = (await simulator.get(TEMPLATES, access_token=token))["data"]
    found: dict[str, Any] = template
    return found


async def send(simulator: Simulator, **changes: Any) -> dict[str, Any]:
    token = (await simulator.stable_token())["access_token"]
    body = {"template_id": (await template(simulator))["priTmplId"], "data": DATA} | changes
    return await simulator.post(SEND, body, access_token=token)


async def subscribe(simulator: Simulator, **fields: Any) -> dict[str, Any]:
    return await simulator.phone("subscribe", user="alice", **fields)


async def received(simulator: Simulator) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = (await simulator.get("/device/messages"))["messages"]
    return messages


async def test_an_app_has_a_template_with_its_fields(simulator: Simulator) -> None:
    found = await template(simulator)
    assert found.keys() == {"priTmplId", "title", "content", "example", "type"}
    assert len(found["priTmplId"]) == 43
    assert all(f"{{{{{name}.DATA}}}}" in found["content"] for name in DATA)


async def test_each_consent_is_good_for_one_message(simulator: Simulator) -> None:
    openid = (await simulator.sign_in())["openid"]
    template_id = (await template(simulator))["priTmplId"]
    assert (await send(simulator, touser=openid))["errcode"] == 43101

    accepted = await subscribe(simulator, tmplIds=[template_id])
    sent = await send(simulator, touser=openid, page="pages/index/index?from=message")

    assert accepted == {"errMsg": "requestSubscribeMessage:ok", template_id: "accept"}
    assert sent == {"errcode": 0, "errmsg": "ok"}
    again = await send(simulator, touser=openid)
    assert (again["errcode"], again["errmsg"][:34]) == (43101, "user refuse to accept the msg rid:")
    message = {"app": APP_ID, "user": "alice", "templateId": template_id, "data": DATA}
    assert await received(simulator) == [message | {"page": "pages/index/index?from=message"}]


async def test_a_user_who_rejects_receives_nothing(simulator: Simulator) -> None:
    openid = (await simulator.sign_in())["openid"]
    template_id = (await template(simulator))["priTmplId"]
    assert (await subscribe(simulator, tmplIds=[template_id], deny=True))[template_id] == "reject"
    assert (await send(simulator, touser=openid))["errcode"] == 43101
    assert await received(simulator) == []


async def test_the_phone_knows_no_other_template(simulator: Simulator) -> None:
    assert (await subscribe(simulator, tmplIds=["unknown"]))["errCode"] == 20001


@pytest.mark.parametrize(
    ("changes", "errcode", "words"),
    [
        ({"touser": "o" * 28}, 40003, "invalid openid rid"),
        ({"template_id": "unknown"}, 40037, "invalid template_id rid"),
        ({"template_id": None}, 40037, "invalid template_id rid"),
        ({"data": {"time1": {"value": "12:00"}}}, 47003, "argument invalid! data.thing2.value is empty rid"),
        ({"data": DATA | {"thing2": {"value": ""}}}, 47003, "argument invalid! data.thing2.value is empty rid"),
        ({"data": DATA | {"thing2": "iPhone"}}, 47003, "argument invalid! data.thing2.value is empty rid"),
        ({"data": DATA | {"thing2": {"value": "字" * 21}}}, 47003, "argument invalid! data.thing2.value invalid rid"),
        ({"data": None}, 47003, "argument invalid! rid"),
        ({"page": "pages/unknown"}, 41030, "invalid page rid"),
    ],
    ids=str,
)
async def test_a_message_at_fault_has_its_errcode_and_uses_no_consent_up(
    simulator: Simulator, changes: dict[str, Any], errcode: int, words: str
) -> None:
    openid = (await simulator.sign_in())["openid"]
    await subscribe(simulator)
    await simulator.phone("pages", pages=["pages/index/index"])

    answer = await send(simulator, **({"touser": openid} | changes))

    assert answer["errcode"] == errcode
    assert answer["errmsg"].startswith(words)
    assert (await send(simulator, touser=openid))["errcode"] == 0


async def test_messages_want_post_and_templates_get(simulator: Simulator) -> None:
    assert (await simulator.get(SEND))["errcode"] == 43002
    assert (await simulator.post(TEMPLATES, {}))["errcode"] == 43001
