"""Taps on the button that gives a phone number, and what the server makes of them."""

from collections.abc import Mapping
from typing import Any, Final

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.stored import run_sql
from tests.server import TestServer

GET_PHONE_NUMBER: Final = "/wxa/business/getuserphonenumber"
PHONE: Final = "id phone { masked countryCode verifiedAt }"
SUBMIT_PHONE: Final = f"mutation ($code: String!) {{ submitPhoneNumber(code: $code) {{ {PHONE} }} }}"
SUBMIT_ENCRYPTED: Final = f"""
mutation ($encryptedData: String!, $iv: String!) {{
  submitEncryptedPhoneNumber(encryptedData: $encryptedData, iv: $iv) {{ {PHONE} }}
}}"""
REMOVE: Final = f"mutation {{ removePhoneNumber {{ {PHONE} }} }}"
MY_PHONE: Final = f"{{ me {{ {PHONE} }} }}"

NUMBER: Final = "13800138000"
MASKED: Final = "138****8000"


def tap(wechat: WeChatSimulator, user: str = "alice", number: str = NUMBER, **fields: object) -> str:
    """The code of a tap; `fields` as for the simulator's `/device/phone-number`."""
    return str(wechat.phone_number(user, purePhoneNumber=number, **fields)["code"])


def calls(wechat: WeChatSimulator) -> int:
    """How often WeChat was asked for a number."""
    return wechat.state.calls[GET_PHONE_NUMBER]


async def submit(server: TestServer, token: str, code: str) -> Any:
    """The user after a submission that succeeds."""
    answer = await server.post(SUBMIT_PHONE, {"code": code}, token=token)
    assert "errors" not in answer, answer
    return answer["data"]["submitPhoneNumber"]


async def refusal(
    server: TestServer, token: str, variables: Mapping[str, object] | str, query: str = SUBMIT_PHONE
) -> dict[str, Any]:
    """The one error of a submission, without its requestId; `variables` may be a code."""
    sent = {"code": variables} if isinstance(variables, str) else variables
    [error] = (await server.post(query, sent, token=token))["errors"]
    extensions = {name: value for name, value in error["extensions"].items() if name != "requestId"}
    return {"message": error["message"], **extensions}


async def phone(server: TestServer, token: str) -> Any:
    """What `me` shows of the phone number."""
    answer = await server.post(MY_PHONE, token=token)
    assert "errors" not in answer, answer
    return answer["data"]["me"]["phone"]


async def audited(settings: Settings) -> list[tuple[str, str, str]]:
    """The entries of the audit log about phones, oldest first: action, user and detail."""
    rows = await run_sql(settings, "SELECT * FROM audit_log WHERE action LIKE 'phone%' ORDER BY at, id")
    return [(row["action"], row["user_id"], row["detail"]) for row in rows]
