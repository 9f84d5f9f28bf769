"""The picture in the body of an upload: one file of a form, as mini-programs send it, or the bare bytes."""

import codecs
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from starlette.datastructures import Headers as StarletteHeaders
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Receive

from graph.errors import ErrorCode
from graph.http.request import Headers
from graph.http.responses import named_media_type
from graph.server.http_error import HttpError, too_large

_FORM: Final = "multipart/form-data"
_PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/webp"})
_CHARSET: Final = re.compile(r';\s*charset\s*=\s*"?([^";]*)', re.IGNORECASE)
_FIELD: Final = "file"
_MOST_FIELDS: Final = 4
_LONGEST_FIELD: Final = 1024
FORM_OVERHEAD: Final = 16 * 1024
"""Bytes that a form may have beside its file."""
# The parser is called for so much at once, however small the pieces are that arrive.
_PIECE: Final = 64 * 1024


class _MemoryParser(MultiPartParser):
    """Keeps the file in memory: the number of uploads at once bounds it, and what is no picture yet meets no disk."""

    spool_max_size = 1 << 30
    open_parts = 0

    def on_part_begin(self) -> None:
        self.open_parts += 1
        super().on_part_begin()

    def on_part_end(self) -> None:
        self.open_parts -= 1
        super().on_part_end()


async def read_picture(headers: Headers, receive: Receive, *, max_bytes: int) -> bytes:
    """The picture, of so many bytes at most. Raises `HttpError`."""
    most = max_bytes + FORM_OVERHEAD if is_form(headers) else max_bytes
    async with aclosing(_pieces(receive, most)) as pieces:
        if not is_form(headers):
            return b"".join([piece async for piece in pieces])
        data = await _file(headers[b"content-type"], pieces)
    if len(data) > max_bytes:
        raise too_large(max_bytes)
    return data


def require_picture(headers: Headers, *, max_bytes: int) -> None:
    """Returns where the head fits a picture. Raises `HttpError`, so that such a body need not be read."""
    content_type = headers.get(b"content-type", "")
    if not is_form(headers) and _media_type(content_type) not in _PICTURES:
        msg = (
            f"The body is declared as {named_media_type(content_type)}: send a form with one file in the field "
            f"{_FIELD}, as wx.uploadFile does, or a picture as image/jpeg, image/png or image/webp."
        )
        raise HttpError(415, ErrorCode.UNSUPPORTED_MEDIA_TYPE, msg)
    if headers.get(b"content-encoding", "identity").strip().lower() != "identity":
        raise HttpError(415, ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Send the body uncompressed.")
    length = headers.get(b"content-length", "0")
    if length.isdecimal() and int(length) > max_bytes + (FORM_OVERHEAD if is_form(headers) else 0):
        raise too_large(max_bytes)


def is_form(headers: Headers) -> bool:
    return _media_type(headers.get(b"content-type", "")) == _FORM


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


async def _pieces(receive: Receive, most: int) -> AsyncGenerator[bytes, None]:
    """The body, in pieces that are not small. Raises `HttpError` for one that is too large, or ends too early."""
    kept, size, more = bytearray(), 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HttpError(400, ErrorCode.BAD_REQUEST, "The body ended too early.")
        piece: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(piece)
        if size > most:
            raise too_large(most)
        kept += piece
        if len(kept) >= _PIECE or not more:
            yield bytes(kept)
            kept.clear()


async def _file(content_type: str, pieces: AsyncGenerator[bytes, None]) -> bytes:
    """The one file of a form; fields beside it mean nothing here."""

    async def whole() -> AsyncGenerator[bytes, None]:
        async for piece in pieces:
            yield piece
        if parser.open_parts:  # Starlette would leave it out, and its file open
            msg = "The form ends in the middle of a part."
            raise HttpError(400, ErrorCode.BAD_REQUEST, msg)

    try:
        # Starlette would take one that does not exist for another.
        codecs.lookup(named[1].strip() if (named := _CHARSET.search(content_type)) else "utf-8")
        async with aclosing(whole()) as stream:
            parser = _MemoryParser(
                StarletteHeaders({"content-type": content_type}),
                stream,
                max_files=1,
                max_fields=_MOST_FIELDS,
                max_part_size=_LONGEST_FIELD,
            )
            form = await parser.parse()
    except MultiPartException as error:
        msg = f"The form cannot be read: {error.message}"
        raise HttpError(400, ErrorCode.BAD_REQUEST, msg) from None
    except (LookupError, ValueError):
        raise HttpError(400, ErrorCode.BAD_REQUEST, "The form has a charset that does not exist.") from None
    try:
        files = [value for name, value in form.multi_items() if name == _FIELD and isinstance(value, UploadFile)]
        if len(files) != 1:
            raise HttpError(400, ErrorCode.BAD_REQUEST, f"The form has no file in the field {_FIELD}.")
        return await files[0].read()
    finally:
        await form.close()
