"""Bodies of requests and responses: bounded bytes in, validated fields, JSON out."""

from typing import TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from graph.simulator.errors import BadRequest

MAX_BODY = 1024 * 1024


class Fields(BaseModel):
    """The fields of a JSON object in WeChat's spelling; an unknown one is refused, for most are misspelt."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )


Read = TypeVar("Read", bound=Fields)


def json_response(payload: object, *, status: int = 200, content_type: str = "application/json") -> Response:
    """The type is given as a header, so that Starlette adds no charset that WeChat does not send."""
    return Response(orjson.dumps(payload), status_code=status, headers={"content-type": content_type})


async def read_body(request: Request) -> bytes:
    """Raises `BadRequest` above 1 MiB, which no client of WeChat needs."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            message = f"the body is larger than {MAX_BODY} bytes"
            raise BadRequest(message)
        parts.append(part)
    return b"".join(parts)


def parse_fields(model: type[Read], body: bytes) -> Read:
    """An empty body is an empty object; null is the same as an absent field, but for `times`. Raises `BadRequest`."""
    try:
        value = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        message = "the body must be a JSON object, or empty"
        raise BadRequest(message)
    try:
        return model.model_validate(
            {name: field for name, field in value.items() if field is not None or name == "times"}
        )
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False, include_input=False)
        message = f"{str(first['loc'][0])[:64]}: {first['msg']}"
        raise BadRequest(message) from None
