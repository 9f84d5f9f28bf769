"""Ports on which nothing listens."""

import asyncio
from typing import Final

CLOSED: Final = (ConnectionRefusedError, ConnectionResetError)
"""What a client meets there: while the listening socket is being closed, the kernel resets instead of refusing."""


async def wait_until_closed(port: int, *, seconds: float = 30) -> None:
    """Returns once connections to the port of this host are turned down. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await writer.wait_closed()
            except CLOSED:
                return
            await asyncio.sleep(0.01)
