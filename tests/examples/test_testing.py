"""The helper for tests in Node and the recipes for SDKs whose host is fixed, run as they stand."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cli.processes import PATIENCE, Process, environment, serving
from tests.examples.phone import ROOT
from tests.npm import install

HERE: Final = ROOT / "examples" / "testing"
GUIDE: Final = (HERE / "README.md").read_text("utf-8")
[_, FIXTURE] = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)

SUITE: Final = """
import os
import requests


def test_the_fixed_host_is_the_simulator(wechat_is_simulated):
    answer = requests.get("https://api.weixin.qq.com/sns/jscode2session").json()
    assert answer["errcode"] == 41002
"""
FETCH: Final = """
const ask = (host) => fetch(`https://${host}/sns/jscode2session`).then((response) => response.json());
console.log((await ask("api.weixin.qq.com")).errcode, (await ask("api2.weixin.qq.com")).errcode);
const { get } = await import("node:https");
get("https://api.weixin.qq.com/cgi-bin/none", (response) => response.on("data", (data) => console.log(`${data}`)));
"""
QUIET: Final = """
const { startServer } = require(process.argv[2]);
const { readdirSync } = require("node:fs");
(async () => {
  const server = await startServer({ env: { WXGATE_LOG_LEVEL: "WARNING", WXGATE_LOG_FORMAT: "json" } });
  console.log(typeof (await server.signIn("alice")));
  await server.stop();
  await startServer({ env: { WXGATE_DATABASE_URL: "none" } }).catch((error) => console.log(error.message));
  await startServer({ command: "no-such-command" }).catch((error) => console.log(error.code));
  console.log(readdirSync(process.env.TMPDIR).length);
})();
"""
LED: Final = """
const tls = require("node:tls");
tls.connect = ({ host, port }) => console.log(host, port);
require(process.argv[2]);
tls.connect({ servername: "api.weixin.qq.com" });
"""


def node_environment(**more: str) -> dict[str, str]:
    """With this environment's `wxgate` on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return environment(PATH=path, NO_COLOR="1", **more)


def ran(*command: str | Path, cwd: Path, variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=cwd, env=variables, capture_output=True, text=True, check=False, timeout=3 * PATIENCE
    )


@pytest.mark.parametrize(
    ("runner", "passed"), [("vitest", r"Tests +5 passed \(5\)"), ("jest", r"Tests: +2 passed, 2 total")]
)
def test_the_helper_works_with_each_runner(runner: str, passed: str) -> None:
    program = install(HERE) / ".bin" / runner
    arguments = ["run"] if runner == "vitest" else []
    done = ran(program, *arguments, cwd=HERE, variables=node_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(passed, done.stdout + done.stderr), done.stdout + done.stderr


def test_the_helper_needs_no_log_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "quiet.cjs").write_text(QUIET, "utf-8")
    (tmp_path / "tmp").mkdir()
    variables = node_environment(TMPDIR=str(tmp_path / "tmp"))
    done = ran("node", "quiet.cjs", HERE / "wechat.cjs", cwd=tmp_path, variables=variables)
    [token, *ended, missing, left] = done.stdout.splitlines()
    assert (token, ended[0], missing, left) == ("string", "wxgate dev has ended:", "ENOENT", "0"), done.stderr
    assert "WXGATE_DATABASE_URL must be " in ended[1]


@pytest.mark.parametrize(
    ("url", "led"),
    [
        ("https://127.0.0.1:8443", "127.0.0.1 8443"),
        ("https://[::1]:8443", "::1 8443"),
        ("https://localhost:443", "localhost 443"),
    ],
)
def test_node_is_led_to_any_address_that_is_printed(url: str, led: str, tmp_path: Path) -> None:
    (tmp_path / "led.cjs").write_text(LED, "utf-8")
    variables = node_environment(WXGATE_WECHAT_BASE_URL=url)
    done = ran("node", "led.cjs", HERE / "wechat-host.cjs", cwd=tmp_path, variables=variables)
    assert done.stdout == f"{led}\n", done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def wechat(folder: Path) -> Iterator[Process]:
    with serving("simulate", "--tls", "wechat-ca.pem", cwd=folder) as process:
        yield process


def test_node_reaches_the_simulator_under_wechats_name(wechat: Process, folder: Path) -> None:
    (folder / "fetch.mjs").write_text(FETCH, "utf-8")
    variables = node_environment(NODE_EXTRA_CA_CERTS=str(folder / "wechat-ca.pem"), WXGATE_WECHAT_BASE_URL=wechat.url)
    done = ran("node", "--require", HERE / "wechat-host.cjs", "fetch.mjs", cwd=folder, variables=variables)
    assert done.returncode == 0, done.stderr
    codes, unknown = done.stdout.splitlines()
    assert codes == "41002 41002"
    assert '"errcode":40066' in unknown


def test_python_reaches_the_simulator_under_wechats_name(wechat: Process, folder: Path) -> None:
    assert FIXTURE.count("8443") == 1
    (folder / "test_sdk.py").write_text(FIXTURE.replace("8443", wechat.url.rpartition(":")[2]) + SUITE, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "test_sdk.py"]
    variables = environment(REQUESTS_CA_BUNDLE=str(folder / "wechat-ca.pem"))
    done = ran(*command, cwd=folder, variables=variables)
    assert done.returncode == 0, done.stdout + done.stderr
