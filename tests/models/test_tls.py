"""Encryption on the way to PostgreSQL, and the proof of who is at the other end.

PgBouncer stands at the other end, as it does at many a hosted database: the PostgreSQL of these tests has no TLS.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from models.database import Database
from models.errors import DatabaseUnavailable, UnsupportedDatabase
from models.url import tortoise_config
from tests.models.pgbouncer import Certificate, pgbouncer

# Seconds; whatever takes longer waits for ever.
BOUND = 30


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def certificate(authority: trustme.CA, name: str) -> Certificate:
    issued = authority.issue_cert(name)
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    return Certificate(chain, issued.private_key_pem.bytes())


@contextmanager
def served_as(name: str, authority: trustme.CA, postgres_url: str) -> Iterator[str]:
    """The URL of a database whose server calls itself `name`, and is reached as localhost."""
    database, _, directory = postgres_url.partition("@/")[2].partition("?host=")
    with pgbouncer(directory.replace("%2F", "/"), tls=certificate(authority, name)) as port:
        yield f"postgres://postgres@localhost:{port}/{database}?statement_cache_size=0"


@pytest.fixture(scope="module")
def url(authority: trustme.CA, migrated_postgres_url: str) -> Iterator[str]:
    with served_as("localhost", authority, migrated_postgres_url) as url:
        yield url


@pytest.fixture
def root(authority: trustme.CA, tmp_path: Path) -> Path:
    """The file that says whom to believe."""
    authority.cert_pem.write_to_path(tmp_path / "root.crt")
    return tmp_path / "root.crt"


async def answers(url: str) -> bool:
    async with asyncio.timeout(BOUND), Database(url) as database:
        try:
            await database.ping()
        except DatabaseUnavailable:
            return False
        return True


async def test_a_server_that_wants_tls_gets_it(url: str) -> None:
    assert not await answers(f"{url}&sslmode=disable"), "it takes anything"
    for mode in ("", "&sslmode=prefer", "&sslmode=require", "&ssl=require"):
        assert await answers(f"{url}{mode}"), mode


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
async def test_a_server_is_believed_when_the_authority_signed_for_it(url: str, root: Path, mode: str) -> None:
    assert await answers(f"{url}&sslmode={mode}&sslrootcert={root}")


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
async def test_a_server_that_another_authority_signed_for_is_not_believed(url: str, tmp_path: Path, mode: str) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.crt")
    assert not await answers(f"{url}&sslmode={mode}&sslrootcert={tmp_path / 'other.crt'}")


async def test_another_servers_certificate_is_enough_for_verify_ca_only(
    authority: trustme.CA, migrated_postgres_url: str, root: Path
) -> None:
    with served_as("elsewhere.example", authority, migrated_postgres_url) as url:
        assert await answers(f"{url}&sslmode=verify-ca&sslrootcert={root}")
        assert not await answers(f"{url}&sslmode=verify-full&sslrootcert={root}")


async def test_where_tls_is_required_a_server_without_it_is_not_used(migrated_postgres_url: str) -> None:
    database, _, directory = migrated_postgres_url.partition("@/")[2].partition("?host=")
    with pgbouncer(directory.replace("%2F", "/")) as port:
        plain = f"postgres://postgres@localhost:{port}/{database}?statement_cache_size=0"
        assert await answers(plain)
        assert not await answers(f"{plain}&sslmode=require")


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("sslmode=verify_full", "has a parameter sslmode that is not one of disable, allow, prefer, require, "),
        ("ssl=true", "has a parameter ssl that is not one of disable, allow, prefer, require, "),
        ("sslmode=require&sslrootcert={root}", "has an sslrootcert, which is of use with sslmode=verify-full "),
        ("sslrootcert={root}", "has an sslrootcert, which is of use with sslmode=verify-full "),
        ("sslmode=verify-full&sslrootcert={root}.gone", "has an sslrootcert that is not a readable file of "),
        ("sslmode=verify-full&sslrootcert={empty}", "has an sslrootcert that is not a readable file of "),
    ],
)
def test_what_would_verify_nothing_is_refused(root: Path, query: str, complaint: str) -> None:
    empty = root.with_name("empty")
    empty.touch()
    with pytest.raises(UnsupportedDatabase) as refused:
        tortoise_config(f"postgres://u:hunter2@h/db?{query.format(root=root, empty=empty)}")
    assert str(refused.value).startswith(complaint)
    assert "hunter2" not in str(refused.value)
