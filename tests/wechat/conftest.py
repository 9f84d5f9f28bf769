"""What the tests of the sockets to WeChat share."""

import logging
import ssl
from collections.abc import Iterator

import httpx
import pytest
import trustme


@pytest.fixture
def nothing_is_logged_as_a_fault(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Futures that nobody awaited and callbacks that failed are found in the log alone."""
    yield
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """For a far side that is 127.0.0.1, and whose certificate the client trusts."""
    authority = trustme.CA()
    far, near = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(far)
    authority.configure_trust(near)
    monkeypatch.setattr(httpx, "create_ssl_context", lambda **_: near)
    return far
