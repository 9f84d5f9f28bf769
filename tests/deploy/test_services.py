"""What is there for other services: inside as the guide says, and through nginx not at all."""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import environment
from tests.deploy.files import text_of
from tests.deploy.proxy import PATIENCE, coded, nginx
from tests.deploy.replicas import Replica
from tests.http.service import PATH, bearer, credential, delete_users
from tests.processes import serve_environment
from tests.server import settings_for

SECRET, ENTRY = credential()


@pytest.fixture
def replica(wechat_simulator: WeChatSimulator, tmp_path: Path) -> Iterator[Replica]:
    url = f"sqlite://{tmp_path}/wxgate.db"
    # Long ago, by the clock of the server.
    asyncio.run(delete_users(settings_for(wechat_simulator, url), ("user-a", 0), ("user-b", 0)))
    opened = Replica(serve_environment(wechat_simulator, url, WXGATE_SERVICES=ENTRY), tmp_path / "replica.log")
    try:
        opened.start()
        yield opened
    finally:
        opened.end()


def test_a_service_is_answered_inside_and_no_client_outside(replica: Replica, tmp_path: Path) -> None:
    with httpx.Client(trust_env=False, timeout=PATIENCE) as http:
        assert http.get(f"http://127.0.0.1:{replica.port}{PATH}", headers=bearer(SECRET)).status_code == 200
    with nginx(tmp_path, [replica.port, replica.port]) as proxy, proxy.client() as http:
        for path in (PATH, f"{PATH}?after=", "//service/changes", "/%73ervice/changes", f"/graphql/..{PATH}"):
            request = http.build_request("GET", proxy.url, headers=bearer(SECRET))
            request.url = request.url.copy_with(raw_path=path.encode())
            assert coded(http.send(request), 404) == "NOT_FOUND", path
    assert replica.printed().count(f"path={PATH}  status=200") == 1


def test_the_lines_of_the_guide_read_the_feed_to_its_end(replica: Replica, tmp_path: Path) -> None:
    [lines] = re.findall(r"^```sh\n(AFTER=.*?)^```$", text_of("README.md"), re.MULTILINE | re.DOTALL)
    assert lines.count("http://replica-1:8000") == 1
    polling = tmp_path / "poll.sh"
    polling.write_text(lines.replace("http://replica-1:8000", f"http://127.0.0.1:{replica.port}"), "utf-8")
    (tmp_path / "wxgate.netrc").write_text(f"machine 127.0.0.1 login orders password {SECRET}\n", "utf-8")

    def poll() -> str:
        done = subprocess.run(
            ["sh", polling], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
        )
        assert (done.stdout, done.stderr) == ("", "")
        return (tmp_path / "changes.json").read_text("utf-8")

    assert re.findall(r'"userId":"(\S+?)"', poll()) == ["user-a", "user-b"]
    assert (tmp_path / "cursor").read_text("utf-8") == "2\n"
    assert poll() == "[]"
    assert (tmp_path / "cursor").read_text("utf-8") == "2\n"
