"""Libraries that others wrote for WeChat, against `wxgate simulate`: they use it as they do WeChat itself."""

import json
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from wechatpy import WeChatClient
from wechatpy.crypto import WeChatWxaCrypto
from wechatpy.exceptions import WeChatClientException

from tests.cli.processes import Process, environment, serving
from tests.cli.test_simulate import exports
from tests.npm import PATIENCE, install
from tests.programs import program
from tests.secret_patterns import secrets_in
from tests.simulator.pictures import encoded

HERE: Final = Path(__file__).parent
TO_SIMULATOR: Final = HERE.parents[2] / "examples" / "testing" / "wechat-host.cjs"
HOST: Final = "api.weixin.qq.com"
DATA: Final = {"time1": {"value": "2026年1月1日 12:00"}, "thing2": {"value": "iPhone"}}


@dataclass
class WeChat:
    """The running simulator, and the variables of a process that shall take it for WeChat."""

    process: Process
    app_id: str
    app_secret: str
    directory: Path
    variables: dict[str, str]

    def device(self, action: str, **fields: Any) -> Any:
        return self.process.device(action, user="alice", **fields)

    def run(self, script: str, *options: str, **given: object) -> Any:
        """What a script for Node.js prints, once it has used an SDK."""
        install(HERE)
        given = {"appId": self.app_id, "appSecret": self.app_secret, **given}
        done = subprocess.run(
            [program("node", "nodejs"), *options, HERE / script, json.dumps(given)],
            # Where node-easywechat writes a file with its access token.
            cwd=self.directory,
            env=environment(**self.variables),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def wechat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WeChat]:
    directory = tmp_path_factory.mktemp("wechat")
    with serving("simulate", "--seed", "1", "--tls", "ca.pem", cwd=directory) as process:
        printed = exports(process)
        variables = printed | {"NODE_EXTRA_CA_CERTS": printed["WXGATE_WECHAT_CA_FILE"]}
        app_id, app_secret = printed["WXGATE_WECHAT_APP_ID"], printed["WXGATE_WECHAT_APP_SECRET"]
        yield WeChat(process, app_id, app_secret, directory, variables)
    assert secrets_in("\n".join(line for line in process.lines if not line.startswith("export "))) == []


@pytest.fixture
def client(wechat: WeChat, monkeypatch: pytest.MonkeyPatch) -> Iterator[WeChatClient]:
    """wechatpy, whose host is fixed: in this process the name leads to the simulator, which has the certificate."""
    look_up, port = socket.getaddrinfo, wechat.process.url.rpartition(":")[2]

    def to_simulator(host: Any, service: Any, *rest: Any, **more: Any) -> Any:
        target = ("127.0.0.1", port) if host == HOST else (host, service)
        return look_up(*target, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", to_simulator)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", wechat.variables["WXGATE_WECHAT_CA_FILE"])
    monkeypatch.setenv("NO_PROXY", HOST)
    client = WeChatClient(wechat.app_id, wechat.app_secret)
    yield client
    # It keeps a connection, which the end of the simulator would wait for.
    client._http.close()


# Its own methods call others of its own that it means to remove.
@pytest.mark.filterwarnings("ignore:`_(get|post)` method of:DeprecationWarning")
class TestWechatpy:
    def test_it_signs_a_user_in_and_decrypts_the_profile(self, wechat: WeChat, client: WeChatClient) -> None:
        session = client.wxa.code_to_session(wechat.device("login")["code"])
        submission = wechat.device("user-info", policy="old", nickName="Ailisi")
        crypto = WeChatWxaCrypto(session["session_key"], submission["iv"], wechat.app_id)

        profile = crypto.decrypt_message(submission["encryptedData"])

        assert (profile["openId"], profile["nickName"]) == (session["openid"], "Ailisi")

    def test_a_used_code_is_its_exception(self, wechat: WeChat, client: WeChatClient) -> None:
        code = wechat.device("login")["code"]
        client.wxa.code_to_session(code)
        with pytest.raises(WeChatClientException, match="code been used") as raised:
            client.wxa.code_to_session(code)
        assert raised.value.errcode == 40163

    def test_it_brings_a_phone_number(self, wechat: WeChat, client: WeChatClient) -> None:
        code = wechat.device("phone-number", purePhoneNumber="13800000001")["code"]
        # It has no method for this.
        answer = client.post("wxa/business/getuserphonenumber", api_base_url=f"https://{HOST}/", data={"code": code})
        assert answer["phone_info"]["purePhoneNumber"] == "13800000001"

    def test_it_checks_texts_and_pictures(self, client: WeChatClient) -> None:
        assert client.wxa.check_text_security("你好")["errmsg"] == "ok"
        assert client.wxa.check_image_security(encoded("blue"))["errmsg"] == "ok"
        for check, content in (
            (client.wxa.check_text_security, "违禁"),
            (client.wxa.check_image_security, encoded("red")),
        ):
            with pytest.raises(WeChatClientException, match="risky content") as raised:
                check(content)
            assert raised.value.errcode == 87014

    def test_it_fetches_another_token_when_one_has_expired(self, wechat: WeChat, client: WeChatClient) -> None:
        assert "127.0.0.1" in client.misc.get_wechat_ips()
        before = client.access_token
        wechat.process.device("expire-access-tokens")
        assert "127.0.0.1" in client.misc.get_wechat_ips()
        assert client.access_token != before

    def test_it_draws_a_code_and_learns_the_unionid_of_a_payer(self, wechat: WeChat, client: WeChatClient) -> None:
        picture = client.wxa.get_wxa_code_unlimited("id=7", page="pages/index/index")
        assert picture.content.startswith(b"\xff\xd8\xff")
        session = client.wxa.code_to_session(wechat.device("login", unionId=True)["code"])
        number = wechat.device("pay", unionId=True)["transactionId"]
        assert client.wxa.get_paid_unionid(session["openid"], transaction_id=number) == session["unionid"]


def test_node_easywechat_signs_in_decrypts_and_asks_for_a_number_and_a_check(wechat: WeChat) -> None:
    code = wechat.device("login", unionId=False)["code"]
    submission = wechat.device("user-info", policy="old", nickName="Ailisi")
    phone = wechat.device("phone-number", purePhoneNumber="13800000002")["code"]

    seen = wechat.run(
        "easywechat.mjs",
        baseURL=wechat.process.url,
        code=code,
        encryptedData=submission["encryptedData"],
        iv=submission["iv"],
        phoneCode=phone,
    )

    assert seen.pop("link").startswith("https://wxaurl.cn/")
    assert seen == {
        "session": ["openid", "session_key"],
        "again": True,
        "profile": {"nickName": "Ailisi", "appid": wechat.app_id, "same": True},
        "phone": "13800000002",
        "harmless": "pass",
        "risky": "risky",
    }


def test_co_wechat_api_signs_in_sends_a_message_and_draws_a_code(wechat: WeChat) -> None:
    code = wechat.device("login", unionId=False)["code"]
    phone = wechat.device("phone-number", purePhoneNumber="13800000003")["code"]
    [template] = set(wechat.device("subscribe")) - {"errMsg"}

    seen = wechat.run(
        "co-wechat.mjs", "--require", str(TO_SIMULATOR), code=code, phoneCode=phone, template=template, data=DATA
    )

    assert "127.0.0.1" in seen.pop("addresses")
    assert seen == {
        "session": ["openid", "session_key"],
        "again": 40163,
        "phone": "13800000003",
        "picture": [0xFF, 0xD8, 0xFF],
        "message": "ok",
        "secondMessage": 43101,
        "afterRefusal": 4,
    }
