"""`wxgate services`: a secret that lets a service in, and the entry that knows it."""

import base64
import re
from pathlib import Path

import httpx
import pytest

from graph.security.tokens import SERVICE_SECRET_PATTERN
from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import PATIENCE, invoke, run, serving
from tests.processes import serve_environment
from tests.secret_patterns import secrets_in


def made(name: str) -> tuple[str, str]:
    """A secret and its entry, from what the command prints and nothing else."""
    printed = invoke("services", "new", name, "--scope", "users", "--scope", "users").output
    [secret, entry] = re.fullmatch(r"secret  (\S+)\nentry   (\S+)\n", printed).groups()  # type: ignore[union-attr]
    assert re.fullmatch(SERVICE_SECRET_PATTERN, secret)
    assert re.fullmatch(rf"{name}:[A-Za-z0-9_-]{{43}}:users", entry)
    return secret, entry


def test_a_secret_is_never_the_same_and_not_in_its_entry() -> None:
    (first, entry), (second, other) = made("orders"), made("orders")
    assert first != second
    assert entry != other
    assert first[4:] not in entry


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_it_prints_lets_a_service_in_and_is_in_no_log(
    wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path
) -> None:
    (secret, entry), (another, _) = made("orders"), made("orders")
    variables = serve_environment(wechat_simulator, database_url, WXGATE_LOG_LEVEL="DEBUG", WXGATE_SERVICES=entry)
    invoke("migrate", **variables)
    with serving("serve", cwd=tmp_path, **variables) as server, httpx.Client(trust_env=False, timeout=PATIENCE) as http:
        url = f"{server.url}/service/changes"
        for each, status in ((secret, 200), (another, 401)):
            assert http.get(url, auth=("orders", each)).status_code == status
            assert http.get(url, headers={"Authorization": f"Bearer {each}"}).status_code == status
        assert http.get(url, auth=(secret, "orders")).status_code == 401
    assert server.output.count("path=/service/changes") == 5
    assert server.output.count("event=service_refused") == 3
    assert secrets_in(server.output) == []
    for text in (secret, another):
        assert text not in server.output
        assert base64.b64encode(f"orders:{text}".encode()).decode() not in server.output


@pytest.mark.parametrize("name", ["", "Orders", "my orders", "o" * 33, "orders:", "a,b"])
def test_a_name_that_no_entry_can_have_is_refused_in_one_sentence(name: str) -> None:
    refused = invoke("services", "new", name, "--scope", "users")
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert "a name of 1 to 32 characters" in refused.stderr


@pytest.mark.parametrize("scopes", [[], ["--scope", "introspect"], ["--scope", ""]])
def test_a_scope_that_is_not_there_is_wrong_usage(scopes: list[str]) -> None:
    refused = invoke("services", "new", "orders", *scopes)
    assert (refused.exit_code, refused.stdout) == (2, "")


def test_a_server_with_a_wrong_entry_does_not_start(tmp_path: Path) -> None:
    refused = run("serve", "--port", "0", cwd=tmp_path, WXGATE_SERVICES="orders:Qx7:users")
    assert refused.returncode == 1
    assert "WXGATE_SERVICES has a fault in entry 1: its second part must be the hash" in refused.stderr
    assert "Qx7" not in refused.stderr
