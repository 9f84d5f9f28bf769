"""What a shutdown does to connections and to the requests on them."""

import asyncio

import pytest

from tests.protocols.serving import GET, NEVER, Server, Worker, echo, read_response, serving, until


async def stop(server: Server) -> None:
    server.uvicorn.should_exit = True
    await until(lambda: all(not listening.is_serving() for listening in server.uvicorn.servers))
    await asyncio.sleep(0)


@pytest.mark.parametrize("sent", [0, 10], ids=["nothing", "half a head"])
async def test_the_first_request_of_a_new_connection_is_answered_during_shutdown(sent: int) -> None:
    async with serving(echo) as server:
        reader, writer = await server.connect()
        writer.write(GET[:sent])
        await until(lambda: bool(server.uvicorn.server_state.connections))
        await stop(server)
        writer.write(GET[sent:])
        response = await read_response(reader)
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("behind", [b"", GET[:9]], ids=["nothing", "half a head"])
async def test_a_request_in_flight_is_answered_during_shutdown(behind: bytes) -> None:
    worker = Worker()
    async with serving(worker) as server:
        reader, writer = await server.connect()
        writer.write(GET + behind)
        await until(lambda: worker.begun == 1)
        await stop(server)
        worker.go_on.set()
        response = await read_response(reader)
        assert (response.status, response.headers["connection"]) == (200, "close")
        writer.close()


async def test_a_new_connection_without_a_request_is_closed_soon_during_shutdown() -> None:
    async with serving(echo) as server:
        server.uvicorn.config.timeout_graceful_shutdown = int(NEVER)
        reader, writer = await server.connect()
        await until(lambda: bool(server.uvicorn.server_state.connections))
        server.uvicorn.should_exit = True
        async with asyncio.timeout(NEVER / 2):
            assert await reader.read() == b""
        writer.close()


async def test_a_request_that_outlasts_the_shutdown_is_answered_with_a_coded_503() -> None:
    async with serving(Worker()) as server:
        reader, writer = await server.connect()
        writer.write(GET)
        await until(lambda: bool(server.uvicorn.server_state.tasks))
        server.uvicorn.should_exit = True
        response = await read_response(reader)
        assert (response.status, b"SERVICE_UNAVAILABLE" in response.body) == (503, True)
        writer.close()
