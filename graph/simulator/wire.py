"""What both sides of the simulator share of HTTP: bounded bodies in, JSON out."""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from graph.simulator.errors import Misplayed

MAX_BODY = 1024 * 1024


def json_response(payload: object, *, status: int = 200, content_type: str = "application/json") -> Response:
    """Given as a header and not as a media type, so that Starlette adds no charset that WeChat does not send."""
    return Response(orjson.dumps(payload), status_code=status, headers={"content-type": content_type})


async def read_body(request: Request) -> bytes:
    """Raises Misplayed above 1 MiB, which no caller of WeChat's needs."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            message = f"the body is larger than {MAX_BODY} bytes"
            raise Misplayed(message)
        parts.append(part)
    return b"".join(parts)
