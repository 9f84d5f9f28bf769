"""The public GraphQL-over-HTTP audits (npm `graphql-http`) against a real server on a socket."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from graph.simulator.serving import WeChatSimulator
from models.migrate import migrate
from tests.npm import install
from tests.processes import serve_environment, serve_process

AUDITS = Path(__file__).parent / "audits"
# These ask for `__schema`, which a production server keeps to itself.
INTROSPECTING = {"2EA1", "28B9", "D6D5", "6A70"}

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def audits() -> Path:
    """The program, with its packages as the lock file names them."""
    install(AUDITS)
    return AUDITS / "audit.mjs"


@pytest.mark.parametrize(
    ("introspection", "passed", "not_applicable"), [("true", 61, set[str]()), ("false", 57, INTROSPECTING)]
)
def test_every_audit_is_passed(
    audits: Path,
    wechat_simulator: WeChatSimulator,
    database_url: str,
    tmp_path: Path,
    introspection: str,
    passed: int,
    not_applicable: set[str],
) -> None:
    asyncio.run(migrate(database_url))
    environment = serve_environment(wechat_simulator, database_url, WXGATE_INTROSPECTION=introspection)
    log = tmp_path / "serve.log"
    with serve_process(environment, log) as url:
        done = subprocess.run(
            ["node", audits, f"{url}/graphql"], check=True, capture_output=True, text=True, timeout=120
        )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    failed = [result for result in results if result["status"] != "ok" and result["id"] not in not_applicable]
    assert failed == []
    assert len([result for result in results if result["status"] == "ok"]) == passed
    assert "Traceback" not in log.read_text("utf-8")
