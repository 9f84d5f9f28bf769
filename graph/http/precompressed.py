"""Files that lie beside their compressed forms, under names that change with their content."""

import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response

# Best first: content coding and what it adds to a file's name.
_CODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".ttf": "font/ttf"}


class PrecompressedFile:
    """One file, to be kept by browsers for good: its content never changes under its name."""

    def __init__(self, path: Path, headers: Mapping[str, str]) -> None:
        self._path = path
        self._coded = {coding: path.with_name(path.name + suffix) for coding, suffix in _CODINGS}
        self._coded = {coding: file for coding, file in self._coded.items() if file.exists()}
        self._headers = {**headers, "Cache-Control": "public, max-age=31536000, immutable"}
        if self._coded:
            self._headers["Vary"] = "Accept-Encoding"

    async def serve(self, request: Request) -> Response:
        """The smallest form that the request accepts."""
        media_type = _TYPES.get(self._path.suffix) or mimetypes.guess_type(self._path.name)[0]
        accepted = _accepted(", ".join(request.headers.getlist("accept-encoding")))
        for coding, file in self._coded.items():
            if coding in accepted:
                coded = {**self._headers, "Content-Encoding": coding}
                return FileResponse(file, headers=coded, media_type=media_type)
        return FileResponse(self._path, headers=self._headers, media_type=media_type)


def _accepted(accept_encoding: str) -> set[str]:
    """The content codings that a header names and does not refuse with `q=0`; `*` is nobody's way to ask for one."""
    accepted = set()
    for part in accept_encoding.lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        if not any(parameter.replace(" ", "").rstrip("0") in {"q=", "q=0."} for parameter in parameters):
            accepted.add(coding)
    return accepted
