"""`wxgate doctor` on events: what to enter in WeChat's console, and what is set by half."""

from pathlib import Path

import pytest

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import invoke
from tests.processes import serve_environment
from tests.secret_patterns import secrets_in
from tests.server import APP_ID
from tests.wechat.pushes import AES_KEY, TOKEN, VARIABLES

pytestmark = pytest.mark.usefixtures("root_logger_as_before")


def test_what_to_enter_in_wechats_console_is_printed(wechat_simulator: WeChatSimulator, tmp_path: Path) -> None:
    environment = serve_environment(wechat_simulator, f"sqlite://{tmp_path}/wxgate.db")
    assert invoke("migrate", **environment).exit_code == 0

    def doctor(**variables: str) -> str:
        output = invoke("doctor", **(environment | variables)).output
        assert secrets_in(output) == []
        assert not {secret for secret in (TOKEN, AES_KEY) if secret in output}
        return output

    assert "events" not in doctor()
    line = f"ok     events of {APP_ID}: enter https://<your host>/wechat/events/{APP_ID}, safe mode\n"
    assert doctor(**VARIABLES).endswith(line)
    hosts = {"WXGATE_HTTP_ALLOWED_HOSTS": "*.example.com,api.example.com"}
    assert f"enter https://api.example.com/wechat/events/{APP_ID}," in doctor(**VARIABLES, **hosts)
    plain = doctor(**VARIABLES, WXGATE_WECHAT_EVENTS_PLAIN="true")
    assert "WARN   events  WXGATE_WECHAT_EVENTS_PLAIN lets anyone" in plain
    assert "FAULT  settings  WXGATE_WECHAT_EVENTS_AES_KEY is missing" in doctor(WXGATE_WECHAT_EVENTS_TOKEN=TOKEN)
