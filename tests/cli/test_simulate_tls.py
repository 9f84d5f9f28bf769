"""`wxgate simulate --tls`: WeChat under its own name, for those who trust the CA that it made."""

import socket
import ssl
import sys
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import Process, invoke, run, serving
from tests.cli.test_simulate import exports
from tests.secret_patterns import secrets_in
from tests.server import ENCRYPTION_KEYS


def shown_to(process: Process, name: str, ca_file: Path) -> "ssl.SSLSocket":
    """A connection to the server by that name. Raises `ssl.SSLError` unless its certificate is for it."""
    address = ("127.0.0.1", httpx.URL(process.url).port or 0)
    tls = ssl.create_default_context(cafile=ca_file)
    return tls.wrap_socket(socket.create_connection(address), server_hostname=name)


def test_it_is_wechat_for_those_who_trust_its_ca(tmp_path: Path) -> None:
    ca_file = tmp_path / "wechat-ca.pem"
    with serving("simulate", "--seed", "1", "--tls", "wechat-ca.pem", cwd=tmp_path) as wechat:
        printed = exports(wechat)
        assert printed["WXGATE_WECHAT_BASE_URL"] == wechat.url
        assert printed["WXGATE_WECHAT_CA_FILE"] == str(ca_file)
        assert "PRIVATE KEY" not in ca_file.read_text("utf-8")
        for name in ("api.weixin.qq.com", "api2.weixin.qq.com", "localhost"):
            with shown_to(wechat, name, ca_file) as connection:
                connection.sendall(f"GET /device/apps HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(ssl.SSLCertVerificationError):
            shown_to(wechat, "example.org", ca_file)
        with pytest.raises(httpx.ConnectError):
            httpx.get(wechat.url, trust_env=False)

        variables = printed | {
            "WXGATE_DATABASE_URL": f"sqlite://{tmp_path / 'wxgate.db'}",
            "WXGATE_ENCRYPTION_KEYS": ENCRYPTION_KEYS,
            "WXGATE_DRAIN_SECONDS": "0",
        }
        assert run("migrate", cwd=tmp_path, **variables).returncode == 0
        with serving("serve", cwd=tmp_path, **variables) as server:
            assert server.login(wechat.device("login")["code"])["isNewUser"]
    assert secrets_in(server.output) == []


def test_a_ca_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    refused = invoke("simulate", "--port", "0", "--tls", str(tmp_path / "nowhere" / "ca.pem"))
    assert refused.exit_code == 1
    assert refused.stderr == f"Error: {tmp_path / 'nowhere' / 'ca.pem'}: No such file or directory\n"


def test_without_the_package_it_names_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "graph.simulator.certificates", raising=False)
    monkeypatch.setitem(sys.modules, "trustme", None)
    refused = invoke("simulate", "--port", "0", "--tls", str(tmp_path / "ca.pem"))
    assert refused.exit_code == 2
    assert "pip install 'wxgate[simulator]'" in refused.stderr
