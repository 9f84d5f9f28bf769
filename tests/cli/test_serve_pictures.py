"""What `wxgate serve` refuses of the settings of pictures, in one sentence and before it listens."""

from pathlib import Path

import pytest

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import invoke
from tests.processes import serve_environment

pytestmark = pytest.mark.usefixtures("root_logger_as_before")


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("WXGATE_AVATARS_PUBLIC_URL", "", "WXGATE_AVATARS_PUBLIC_URL is missing: "),
        ("WXGATE_AVATARS_PUBLIC_URL", "http://api.example.com/avatars", "WXGATE_AVATARS_PUBLIC_URL must be https "),
        ("WXGATE_AVATARS_PUBLIC_URL", "https://wxgate/avatars", "WXGATE_AVATARS_PUBLIC_URL must be https and name a "),
        ("WXGATE_AVATARS_PUBLIC_URL", "https://192.168.0.7/avatars", "WXGATE_AVATARS_PUBLIC_URL must be https and "),
        ("WXGATE_CHECK_PICTURE", "before", "WXGATE_CHECK_PICTURE needs message push "),
        ("WXGATE_AVATARS_STORE", "s3://pictures?endpoint=https://s3.example.com&region=x", "WXGATE_AVATARS_STORE: "),
    ],
    ids=["no address", "http", "no dot", "private", "no message push", "no keys"],
)
def test_a_server_whose_pictures_could_not_work_does_not_start(
    variable: str, value: str, sentence: str, wechat_simulator: WeChatSimulator, tmp_path: Path
) -> None:
    settings = {
        "WXGATE_AVATARS_STORE": f"file://{tmp_path}/avatars",
        "WXGATE_AVATARS_PUBLIC_URL": "https://api.example.com/avatars",
        variable: value,
    }
    environment = serve_environment(wechat_simulator, f"sqlite://{tmp_path}/wxgate.db", **settings)
    refused = invoke("serve", "--port", "0", **environment)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"Error: {sentence}")
    assert refused.stderr.count("\n") == 1
