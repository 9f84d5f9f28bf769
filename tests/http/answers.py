"""What every refusal over HTTP must look like, whatever its reason."""

from typing import Any

import httpx


def refusal(response: httpx.Response, status: int) -> str:
    """The code of an answer's one error; the rest of the answer must be as promised for all of them."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].partition(";")[2] == " charset=utf-8"
    assert_safe(response)
    body: dict[str, Any] = response.json()
    assert body.keys() == {"errors"}
    [error] = body["errors"]
    assert error["message"].endswith(".")
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    return str(error["extensions"]["code"])


def assert_safe(response: httpx.Response) -> None:
    """The headers that no answer lacks."""
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-request-id"]
    assert "server" not in response.headers
    assert len(response.headers.get_list("content-type")) == 1
