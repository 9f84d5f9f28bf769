"""WeChat's events as another library writes them, sent over real HTTP to `wxgate serve`."""

import asyncio
import json
import time
from pathlib import Path

import httpx
import pytest
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import WeChatSigner

from graph.simulator.serving import WeChatSimulator
from tests.accounts.inbox import applied, audited, rows, settings_with_events
from tests.accounts.stored import run_sql
from tests.databases import give_tables
from tests.http.answers import refusal
from tests.processes import serve_environment, serve_process
from tests.server import APP_ID, LOGIN
from tests.wechat.pushes import AES_KEY, PLATFORM, TOKEN, VARIABLES, event, push

pytestmark = pytest.mark.slow


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/wxgate.db"


@pytest.fixture
def environment(wechat_simulator: WeChatSimulator, database_url: str) -> dict[str, str]:
    """Of a server that logs all it can."""
    asyncio.run(give_tables(database_url))
    return serve_environment(wechat_simulator, database_url, WXGATE_LOG_LEVEL="DEBUG", **VARIABLES)


def sealed_by_wechatpy(openid: str, style: str) -> tuple[dict[str, str], str]:
    """Query string and body."""
    timestamp, nonce = str(int(time.time())), "415670741"
    about = event("user_authorization_revoke", openid, app_id=APP_ID, at=int(timestamp), RevokeInfo="6")
    text = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in about.items())
    message = json.dumps(about) if style == "json" else f"<xml>{text}</xml>"
    envelope: str = WeChatCrypto(TOKEN, AES_KEY, APP_ID).encrypt_message(message, nonce, timestamp)
    signature, encrypted = (_between(envelope, name) for name in ("MsgSignature", "Encrypt"))
    query = {"timestamp": timestamp, "nonce": nonce, "encrypt_type": "aes", "msg_signature": signature}
    query |= {"signature": _signed(TOKEN, timestamp, nonce), "openid": PLATFORM}
    return query, json.dumps({"ToUserName": "gh", "Encrypt": encrypted}) if style == "json" else envelope


def _signed(*texts: str) -> str:
    signer = WeChatSigner()
    signer.add_data(*texts)
    return str(signer.signature)


def _between(envelope: str, name: str) -> str:
    return envelope.split(f"<{name}><![CDATA[")[1].split("]]>", maxsplit=1)[0]


@pytest.mark.parametrize("style", ["json", "xml"])
def test_an_event_that_wechatpy_seals_is_applied(
    environment: dict[str, str], wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path, style: str
) -> None:
    settings, log = settings_with_events(wechat_simulator, database_url), tmp_path / "log"
    with serve_process(environment, log) as server, httpx.Client(trust_env=False) as http:
        code = wechat_simulator.login("alice")
        answer = http.post(f"{server}/graphql", json={"query": LOGIN, "variables": {"code": code}}).json()
        [account] = asyncio.run(run_sql(settings, "SELECT openid FROM accounts"))
        query, body = sealed_by_wechatpy(account["openid"], style)
        url = f"{server}/wechat/events/{APP_ID}"
        assert http.get(url, params=query | {"echostr": "4375120948345356249"}).text == "4375120948345356249"
        answers = [http.post(url, params=query, content=body) for _ in range(3)]
        assert [(answer.status_code, answer.text) for answer in answers] == [(200, "success")] * 3
        assert http.post(url, params=query | {"msg_signature": query["signature"]}, content=body).status_code == 403
        asyncio.run(applied(settings))
    assert len(asyncio.run(rows(settings))) == 1
    [entry] = asyncio.run(audited(settings))
    assert entry["user_id"] == answer["data"]["login"]["user"]["id"]
    printed = log.read_text("utf-8")
    assert printed.count("path=/wechat/events/{app_id}") == 5
    secret = [TOKEN, AES_KEY, account["openid"], query["signature"], query["msg_signature"], PLATFORM, "echostr"]
    assert [value for value in secret if value in printed] == []


def test_a_body_of_a_byte_too_many_is_not_read(environment: dict[str, str], tmp_path: Path) -> None:
    good = push({"MsgType": "text"}, app_id=APP_ID, at=int(time.time()))
    with serve_process(environment, tmp_path / "log") as server, httpx.Client(trust_env=False) as http:
        for path in ("/wechat/events", f"/wechat/events/{APP_ID}"):
            fits = http.post(server + path, params=good.query, content=good.body.ljust(65_536))
            assert (fits.status_code, fits.text) == (200, "success")
            answer = http.post(server + path, params=good.query, content=good.body.ljust(65_537))
            assert refusal(answer, 413) == "PAYLOAD_TOO_LARGE"
