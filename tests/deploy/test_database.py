"""Whom the examples let be their database."""

import contextlib
import re
import ssl
from pathlib import Path

import pytest

from models.url import tortoise_config
from tests.deploy.files import checked, compose, text_of
from tests.programs import program


def test_the_database_must_prove_who_it_is(tmp_path: Path) -> None:
    """With the certificate that README.md makes for compose, and with no other."""
    [command] = re.findall(r"^(openssl .*?[^\\])$", text_of("README.md"), re.MULTILINE | re.DOTALL)
    program("openssl", "openssl")
    (tmp_path / "secrets").mkdir()
    checked("bash", "-ec", f"cd {tmp_path}\n{command}")
    [url] = re.findall(r"^\| `database_url` \| `(.*?)`", text_of("README.md"), re.MULTILINE)
    files = set(re.findall(r"`(/run/secrets/\S*/?database_ca)`", text_of("README.md")))
    assert files == {"/run/secrets/database_ca", "/run/secrets/wxgate/database_ca"}
    postgres = compose()["services"]["postgres"]
    assert "-cssl=on" in postgres["command"]
    assert {"-cssl_cert_file=/run/secrets/database_ca", "-cssl_key_file=/run/secrets/database_key"} < set(
        postgres["command"]
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(tmp_path / "secrets" / "database_ca", tmp_path / "secrets" / "database_key")
    url = url.replace("FILE", f"{tmp_path}/secrets/database_ca").replace("HOST", "postgres")
    client = tortoise_config(url)["connections"]["default"]["credentials"]["ssl"]
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python has it from 3.13 on
    assert shakes_hands(client, server, "postgres")
    with pytest.raises(ssl.SSLCertVerificationError):
        shakes_hands(client, server, "elsewhere")


def shakes_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> bool:
    """Whether a client that asks for a name is content with a server. Raises `ssl.SSLError`."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=name), server.wrap_bio(up, down, server_side=True)]
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[0].version() is not None
