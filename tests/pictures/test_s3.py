"""Pictures in a bucket: on a server that speaks S3, and on those that do not, or refuse, or hang."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import httpx
import pytest
import trustme
from pydantic import SecretStr

from graph.pictures.errors import StoreMisconfigured, StoreUnavailable
from graph.pictures.location import parse_location
from graph.pictures.names import probe_name
from graph.pictures.s3 import S3Store
from graph.pictures.store import PictureStore, open_store
from tests.pictures.s3_servers import FakeServer, fake_server, object_server, silent_server
from tests.processes import free_port
from tests.secret_patterns import Listener

NAME: Final = "0123456789abcdefABCDEF.jpg"
PICTURE: Final = b"\xff\xd8" + bytes(range(256)) * 400
ACCESS_KEY: Final = "AKIDaccess0123456789"
SECRET_KEY: Final = "very-secret-key-0123456789"


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with object_server(tmp_path_factory.mktemp("s3") / "output") as endpoint:
        yield endpoint


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with fake_server() as server:
        yield server


@pytest.fixture(autouse=True)
def no_key_or_name_is_logged(no_secret_is_logged: Listener) -> Iterator[None]:
    yield
    assert [
        line for line in no_secret_is_logged.lines if re.search(f"{ACCESS_KEY}|{SECRET_KEY}|{NAME}|of secret", line)
    ] == []


def store_at(
    endpoint: str, *, bucket: str = "pictures/av", style: str = "path", region: str = "us-east-1"
) -> PictureStore:
    return open_store(
        parse_location(f"s3://{bucket}?endpoint={endpoint}&region={region}&style={style}"),
        public_url="https://cdn.example.com/av",
        access_key=SecretStr(ACCESS_KEY),
        secret_key=SecretStr(SECRET_KEY),
    )


@pytest.fixture
async def store(fake: FakeServer) -> AsyncIterator[PictureStore]:
    async with store_at(fake.endpoint) as opened:
        yield opened


async def test_a_picture_is_stored_and_deleted(objects: str) -> None:
    name = probe_name()
    async with store_at(objects) as store, httpx.AsyncClient(base_url=objects, trust_env=False) as client:
        await store.put(name, PICTURE)
        stored = await client.get(f"/pictures/av/{name}")
        assert (stored.status_code, stored.content) == (200, PICTURE)
        assert stored.headers["Content-Type"] == "image/jpeg"
        assert stored.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert store.url(name) == f"https://cdn.example.com/av/{name}"
        await store.delete(name)
        assert (await client.get(f"/pictures/av/{name}")).status_code == 404
        await store.delete(name)


async def test_many_pictures_are_stored_at_once(objects: str) -> None:
    names = [probe_name() for _ in range(30)]
    async with store_at(objects, bucket="pictures") as store:
        await asyncio.gather(*(store.put(name, PICTURE + name.encode()) for name in names))
        async with httpx.AsyncClient(base_url=objects, trust_env=False) as client:
            for name in names:
                assert (await client.get(f"/pictures/{name}")).content == PICTURE + name.encode()
        await asyncio.gather(*map(store.delete, names))


async def test_a_check_stores_and_deletes(objects: str) -> None:
    async with store_at(objects, bucket="pictures/checked") as store:
        await store.check()
    async with httpx.AsyncClient(trust_env=False) as client:
        listed = await client.get(f"{objects}/pictures?list-type=2&prefix=checked")
    assert "<KeyCount>0</KeyCount>" in listed.text


async def test_a_bucket_that_is_missing_is_the_operators(objects: str) -> None:
    async with store_at(objects, bucket="another") as store:
        for call in (store.put(NAME, PICTURE), store.check()):
            with pytest.raises(StoreMisconfigured, match="NoSuchBucket"):
                await call


async def test_a_bucket_is_part_of_the_host_or_of_the_path(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest, **named: look_up("127.0.0.1", *rest, **named))
    port = fake.endpoint.rpartition(":")[2]
    for style in ("virtual", "path"):
        async with store_at(f"http://localhost:{port}", style=style) as store:
            await store.put(NAME, PICTURE)
            await store.delete(NAME)
    assert fake.requests == [
        ("PUT", f"pictures.localhost:{port}", f"/av/{NAME}"),
        ("DELETE", f"pictures.localhost:{port}", f"/av/{NAME}"),
        ("PUT", f"localhost:{port}", f"/pictures/av/{NAME}"),
        ("DELETE", f"localhost:{port}", f"/pictures/av/{NAME}"),
    ]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AccessDenied"),
        (403, "SignatureDoesNotMatch"),
        (403, "InvalidAccessKeyId"),
        (404, "NoSuchBucket"),
        (400, "AuthorizationHeaderMalformed"),
        (301, "PermanentRedirect"),
    ],
)
async def test_what_s3_refuses_is_the_operators(fake: FakeServer, store: PictureStore, status: int, code: str) -> None:
    fake.refuse(status, code)
    for call in (store.put(NAME, PICTURE), store.delete(NAME), store.check()):
        with pytest.raises(StoreMisconfigured) as raised:
            await call
        assert raised.value.reason == code
    assert len(fake.requests) == 3


async def test_a_code_that_is_none_is_not_passed_on(fake: FakeServer, store: PictureStore) -> None:
    fake.refuse(403, "of secret")
    with pytest.raises(StoreMisconfigured, match="HTTP status 403"):
        await store.put(NAME, PICTURE)


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "SlowDown"), (500, "InternalError"), (400, "RequestTimeout"), (429, "Whatever"), (502, "Whatever")],
)
async def test_what_passes_is_unavailable(fake: FakeServer, store: PictureStore, status: int, code: str) -> None:
    fake.refuse(status, code)
    for call in (store.put(NAME, PICTURE), store.delete(NAME)):
        with pytest.raises(StoreUnavailable, match=code):
            await call
    assert len(fake.requests) == 2


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, b"<Error><Code>AccessDe", "application/xml"),
        (403, b"\xff\xfe not UTF-8", "application/xml"),
        (403, b"<x/>", "application/xml"),
        (403, b"", "application/xml"),
        (502, b"<html>of secret</html>", "text/html"),
        (502, b"", "application/xml"),
        (200, b"<html>of secret</html>", "text/html"),
        (204, b"", "application/xml"),
        (418, b"of secret", "text/plain"),
    ],
)
async def test_whatever_a_server_answers_the_error_is_ours(
    fake: FakeServer, store: PictureStore, status: int, body: bytes, kind: str
) -> None:
    fake.status, fake.body, fake.headers = status, body, {"Content-Type": kind}
    for call in (store.put(NAME, PICTURE), store.delete(NAME)):
        if status < 300:
            await call
            continue
        with pytest.raises((StoreUnavailable, StoreMisconfigured)) as raised:
            await call
        assert re.fullmatch(r"[A-Za-z0-9 ().:']+", str(raised.value))
        assert raised.value.__suppress_context__


async def test_a_signed_request_is_not_redirected(fake: FakeServer, store: PictureStore) -> None:
    with fake_server() as other:
        for status in (301, 302, 307, 308):
            fake.status, fake.headers["Location"] = status, f"{other.endpoint}/pictures/{NAME}"
            with pytest.raises((StoreUnavailable, StoreMisconfigured)):
                await store.put(NAME, PICTURE)
        assert other.requests == []


async def test_a_connection_that_was_just_closed_is_opened_again_once(fake: FakeServer, store: PictureStore) -> None:
    fake.dropped = 1
    await store.put(NAME, PICTURE)
    assert len(fake.requests) == 2
    fake.dropped = 2
    with pytest.raises(StoreUnavailable, match="ProtocolError"):
        await store.put(NAME, PICTURE)
    assert len(fake.requests) == 4


async def test_a_server_that_is_down_is_unavailable() -> None:
    async with store_at(f"http://127.0.0.1:{free_port()}") as store:
        for call in (store.put(NAME, PICTURE), store.delete(NAME), store.check()):
            with pytest.raises(StoreUnavailable, match="no connection"):
                await call


@pytest.mark.slow
async def test_a_server_that_hangs_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(S3Store, "seconds", 0.5)
    monkeypatch.setattr(S3Store, "read_seconds", 1.0)
    with silent_server() as endpoint:
        async with store_at(endpoint) as store:
            ended = await asyncio.gather(*(store.put(probe_name(), PICTURE) for _ in range(20)), return_exceptions=True)
            assert {str(end).rpartition(": ")[2] for end in ended} == {"no answer in time"}
        monkeypatch.setattr(S3Store, "seconds", 5.0)
        async with store_at(endpoint) as store:
            with pytest.raises(StoreUnavailable, match="no answer in time"):
                await store.put(NAME, PICTURE)


async def test_a_certificate_of_no_known_authority_is_not_trusted() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with fake_server(tls) as fake:
        async with store_at(fake.endpoint) as store:
            with pytest.raises(StoreUnavailable, match="SSLError"):
                await store.put(NAME, PICTURE)
        assert fake.requests == []


@pytest.mark.parametrize("keys", [{}, {"access_key": SecretStr(ACCESS_KEY)}, {"secret_key": SecretStr(SECRET_KEY)}])
def test_a_bucket_needs_both_keys(keys: dict[str, Any]) -> None:
    location = parse_location("s3://pictures?endpoint=https://cos.example.com")
    with pytest.raises(StoreMisconfigured, match="no access key or secret key is set"):
        open_store(location, public_url="https://cdn.example.com", **keys)


def test_a_host_of_aws_that_is_not_s3_is_the_operators() -> None:
    with pytest.raises(StoreMisconfigured, match="the endpoint is none of S3's"):
        store_at("https://ec3.amazonaws.com", region="us-west-2")


async def test_no_other_name_becomes_a_key(fake: FakeServer, store: PictureStore) -> None:
    for call in (store.put("../" + NAME, PICTURE), store.delete("")):
        with pytest.raises(ValueError, match="not the name of a picture"):
            await call
    assert fake.requests == []
