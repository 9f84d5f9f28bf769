"""`GET /avatars/<name>`: the pictures of a store that is a directory."""

import logging
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph.errors import ErrorCode
from graph.http.entity_tags import client_has
from graph.pictures.directory import DirectoryStore
from graph.pictures.errors import PictureError, StoreMisconfigured
from graph.pictures.names import PICTURE_NAME
from graph.server.http_error import HttpError, busy

_log = logging.getLogger(__name__)

_HEADERS: Final = {
    # A name is never used twice.
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


@dataclass(frozen=True, slots=True, eq=False)
class Avatars:
    """Gives a picture to every client that has its name, which is random."""

    store: DirectoryStore

    def routes(self) -> list[Route]:
        return [Route("/avatars/{name}", self.answer, methods=["GET"])]

    async def answer(self, request: Request) -> Response:
        """The picture. Raises `HttpError`."""
        name: str = request.path_params["name"]
        if PICTURE_NAME.fullmatch(name) is None:
            raise _missing()
        try:
            picture = await self.store.read(name)
        except PictureError as error:
            if isinstance(error, StoreMisconfigured):
                _log.error("pictures cannot be read", extra={"reason": error.reason})
            raise busy() from None
        if picture is None:
            raise _missing()
        headers = {**_HEADERS, "ETag": f'"{name}"'}
        if client_has(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(picture, headers=headers, media_type="image/jpeg")


def _missing() -> HttpError:
    return HttpError(404, ErrorCode.NOT_FOUND, "There is no such picture.")
