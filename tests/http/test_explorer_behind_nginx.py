"""The explorer of a production server behind a real nginx, at the root of a site and under a prefix."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from graph.simulator.serving import WeChatSimulator
from models.migrate import migrate
from tests.http.browsing import unwrapped, visit
from tests.processes import await_answer, free_port, serve_environment, serve_process
from tests.programs import program

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    # The workers are not this test's user, and may not write here.
    proxy_max_temp_file_size 0;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass {upstream}; proxy_set_header Host $http_host; }}
        location /shops/7/ {{ proxy_pass {upstream}/; proxy_set_header Host $http_host; }}
    }}
}}
"""


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One is enough: this is not about databases."""
    return f"sqlite://{tmp_path / 'wxgate.db'}"


@contextmanager
def nginx(directory: Path, upstream: str) -> Iterator[str]:
    """The base URL of an nginx in front of a server."""
    port = free_port()
    configuration = directory / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(directory=directory, port=port, upstream=upstream))
    log = directory / "nginx.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [program("nginx", "nginx-light"), "-p", directory, "-c", configuration, "-e", directory / "error.log"],
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            await_answer(process, f"http://127.0.0.1:{port}/livez", log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.mark.parametrize("prefix", ["", "/shops/7"], ids=["root", "prefix"])
def test_the_explorer_works_behind_nginx(
    wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path, prefix: str
) -> None:
    asyncio.run(migrate(database_url))
    environment = serve_environment(wechat_simulator, database_url, WXGATE_GRAPHIQL="true", WXGATE_INTROSPECTION="true")
    with serve_process(environment, tmp_path / "serve.log") as upstream, nginx(tmp_path, upstream) as url:
        seen = visit("glance", url + prefix, f"nginx{prefix.replace('/', '-')}")
    assert unwrapped(seen["answer"]) == '{"data":{"me":null}}'
    assert seen["panels"] == ["Show Documentation Explorer", "Show History"]
    assert seen["languages"] == ["en", "zh-CN", "en"]
    assert seen["elsewhere"] == []
    assert seen["complaints"] == []
