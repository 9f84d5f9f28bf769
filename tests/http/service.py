"""Services that the tests configure, and what they send."""

from typing import Any

import httpx
from pydantic import SecretStr

from graph.security.tokens import ServiceSecret
from graph.settings import Settings
from models.database import Database
from models.deleted_users import DeletionReason, record_deletion
from tests.databases import give_tables
from tests.server import TestServer

PATH = "/service/changes"


def credential(number: int = 1, name: str = "orders", scopes: str = "users") -> tuple[str, str]:
    """A secret, always the same of a number, and its entry."""
    secret = ServiceSecret.issue(lambda count: bytes(range(number, number + count)))
    return secret.get_secret_value(), f"{name}:{secret.hash()}:{scopes}"


def with_services(settings: Settings, *entries: str) -> Settings:
    """The same server with these services."""
    return Settings(**{**dict(settings), "services": SecretStr(",".join(entries))})


async def delete_users(settings: Settings, *users: tuple[str, int]) -> None:
    """Appends users to the feed, deleted at these times, while no server is open in this process."""
    url = settings.database.url.get_secret_value()
    await give_tables(url)
    async with Database(url) as database:
        for user_id, at in users:
            await database.transaction(lambda: record_deletion(user_id, at=at, reason=DeletionReason.USER))  # noqa: B023


async def changes(server: TestServer, secret: str, **parameters: object) -> list[dict[str, Any]]:
    """What a service gets."""
    response = await server.http.get(PATH, params=httpx.QueryParams(parameters), headers=bearer(secret))  # type: ignore[arg-type]
    assert response.status_code == 200, response.text
    members: list[dict[str, Any]] = response.json()
    return members


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
