"""Uploads without a token, of a wrong type or too large, and paths that lead out of the directory of pictures."""

import gzip
from typing import Final

from tests.http.barrage.shots import CANARY, CODE, Shot, head

_BOUNDARY: Final = "----x"
_FORM: Final = f"Content-Type: multipart/form-data; boundary={_BOUNDARY}"
_JPEG: Final = "Content-Type: image/jpeg"
_BODY: Final = (
    f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{CANARY}.jpg"\r\n\r\n'
    f"{CANARY}\r\n--{_BOUNDARY}--\r\n"
).encode()
_GZIP: Final = gzip.compress(_BODY)
_SIZE: Final = 16 * 1024 * 1024
_PIECE: Final = CANARY.encode() + b" " * (64 * 1024 - len(CANARY))
_NAME: Final = "0" * 22


def _upload(name: str, status: int, code: str, *headers: str, body: bytes = _BODY) -> Shot:
    data = head("POST /uploads/avatar", *headers, f"Content-Length: {len(body)}") + body
    return Shot(name, data, status, code)


def _bearer(name: str, token: str) -> Shot:
    return _upload(name, 401, "UNAUTHENTICATED", _FORM, f"Authorization: Bearer {token}")


def _nowhere(path: str) -> Shot:
    return Shot(f"GET {path}", head(f"GET {path}"), 404, "NOT_FOUND")


UPLOADS: Final = [
    _upload("a form without a token", 401, "UNAUTHENTICATED", _FORM),
    _upload("a picture without a token", 401, "UNAUTHENTICATED", _JPEG),
    _upload("nothing without a token", 401, "UNAUTHENTICATED", _FORM, body=b""),
    _upload("a form without a boundary", 401, "UNAUTHENTICATED", "Content-Type: multipart/form-data"),
    _bearer("an upload with a made-up token", "wxs_" + "0" * 49),
    _bearer("an upload with a login code", CODE),
    _upload("a page", 415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type: text/html"),
    _upload("a drawing", 415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type: image/svg+xml"),
    _upload("a picture of no type", 415, "UNSUPPORTED_MEDIA_TYPE"),
    _upload(
        "a form in gzip", 415, "UNSUPPORTED_MEDIA_TYPE", _FORM, "Content-Encoding: gzip", body=gzip.compress(_BODY)
    ),
    Shot(
        "16 MiB of a picture",
        head("POST /uploads/avatar", _JPEG, f"Content-Length: {_SIZE}"),
        413,
        "PAYLOAD_TOO_LARGE",
        closes=True,
        filling=_PIECE,
        times=_SIZE // len(_PIECE),
    ),
    Shot(
        "a picture beyond any memory",
        head("POST /uploads/avatar", _FORM, "Content-Length: 9999999999999"),
        413,
        "PAYLOAD_TOO_LARGE",
        closes=True,
    ),
    Shot(
        "16 MiB in chunks without a token",
        head("POST /uploads/avatar", _FORM, "Transfer-Encoding: chunked"),
        401,
        "UNAUTHENTICATED",
        closes=True,
        filling=b"%x\r\n%s\r\n" % (len(_PIECE), _PIECE),
        times=_SIZE // len(_PIECE),
    ),
    Shot(
        "chunks of one byte without a token",
        head("POST /uploads/avatar", _FORM, "Transfer-Encoding: chunked"),
        401,
        "UNAUTHENTICATED",
        closes=True,
        filling=b"1\r\n \r\n" * 1024,
        times=1000,
    ),
    Shot(
        "a picture without a token that waits to be asked for",
        head("POST /uploads/avatar", _FORM, "Expect: 100-continue", "Content-Length: 1000000"),
        401,
        "UNAUTHENTICATED",
        closes=True,
    ),
    Shot("GET /uploads/avatar", head("GET /uploads/avatar"), 405, "METHOD_NOT_ALLOWED", allow="POST"),
    Shot("HEAD /uploads/avatar", head("HEAD /uploads/avatar"), 405, "METHOD_NOT_ALLOWED", allow="POST"),
    Shot("DELETE a picture", head(f"DELETE /avatars/{_NAME}.jpg"), 405, "METHOD_NOT_ALLOWED", allow="GET, HEAD"),
    *map(
        _nowhere,
        (
            "/uploads/avatar/",
            "/uploads//avatar",
            "/uploads/avatar%00",
            "/uploads",
            "/avatars",
            "/avatars/",
            f"/avatars/{_NAME}.jpg",
            f"/avatars/{_NAME}.png",
            f"/avatars/{_NAME}.jpg%00",
            f"/avatars/{_NAME}.jpg%0a",
            f"/avatars/.{_NAME}.jpg.part",
            f"/avatars/{CANARY}",
            "/avatars/..",
            "/avatars/../wxgate.db",
            "/avatars/..%2fwxgate.db",
            "/avatars/%2e%2e%2fwxgate.db",
            "/avatars/%2e%2e%5cwxgate.db",
            "/avatars//etc/passwd",
            "/avatars/%2fetc%2fpasswd",
            "/avatars/%ff%fe",
            "/avatars/" + "0" * 4000,
        ),
    ),
]
