"""The fixture of wxgate itself, as a suite that asks it has it."""

import subprocess
import sys
from pathlib import Path

from tests.cli.processes import environment

SUITE = """
import pytest

ME = "{ me { id phone { masked } } }"
SUBMIT = "mutation ($code: String!) { submitPhoneNumber(code: $code) { id } }"


@pytest.fixture
def wxgate_server_settings():
    return {"WXGATE_INTROSPECTION": "false", "WXGATE_LOG_LEVEL": "WARNING", "WXGATE_LOG_FORMAT": "json"}


def test_a_user_signs_in_and_takes_the_number_back(wxgate_server, wechat_simulator):
    token = wxgate_server.login("alice")
    wxgate_server.graphql(SUBMIT, {"code": wechat_simulator.phone_number("alice")["code"]}, token=token)
    assert wxgate_server.graphql(ME, token=token)["me"]["phone"]["masked"].startswith("138****")
    [delivery] = wechat_simulator.revoke("alice", info=[8])
    assert delivery["accepted"]
    assert wxgate_server.graphql(ME, token=token)["me"]["phone"] is None


def test_errors_are_raised_and_settings_hold(wxgate_server):
    with pytest.raises(ValueError, match="LOGIN_CODE_INVALID"):
        wxgate_server.graphql("mutation { login(code: \\"no such code, as it is\\") { token } }")
    assert "data" not in wxgate_server.post({"query": "{ __schema { queryType { name } } }"})
"""


def test_a_suite_has_a_server_and_its_wechat(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["graph.pytest_plugin"]\n')
    (tmp_path / "test_mine.py").write_text(SUITE)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
    suite = subprocess.run(
        [*command, "--rootdir", tmp_path, tmp_path],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert suite.returncode == 0, suite.stdout + suite.stderr
    assert "2 passed" in suite.stdout
