"""What clients send, as it is counted: known words only, however many others they try."""

import json
from pathlib import Path

import pytest

from graph.settings import MetricsSettings, Settings, TrustedSettings
from graph.simulator.serving import WeChatSimulator
from tests.observability.metrics.exposition import Figures, scrape
from tests.server import ME, Clock, TestServer, open_server

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

REQUESTS = "wxgate_http_request_duration_seconds_count"
OPERATIONS = "wxgate_graphql_operation_duration_seconds_count"


async def figures(settings: MetricsSettings, name: str) -> Figures:
    """The samples of this name that are not 0."""
    return {labels: value for labels, value in (await scrape(settings)).figures(name).items() if value}


async def test_requests_are_counted_by_method_path_and_status(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    await server.me(None)
    await server.me(None)
    await server.http.get("/readyz")
    await server.http.get("/graphql")
    await server.http.request("PROPFIND", "/graphql")
    assert await figures(metrics_settings, REQUESTS) == {
        ("POST", "/graphql", "200"): 2,
        ("GET", "/readyz", "200"): 1,
        ("GET", "/graphql", "400"): 1,
        ("(other)", "/graphql", "405"): 1,
    }


async def test_operations_are_counted_by_name_kind_and_outcome(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    await server.post(ME)
    await server.post(f"query Me {ME}")
    await server.post(f"query Me {ME}", token="wxs_nobody")
    await server.post('mutation LogIn { login(code: "") { token } }')
    assert await figures(metrics_settings, OPERATIONS) == {
        ("query", "(anonymous)", "ok"): 1,
        ("query", "Me", "ok"): 1,
        ("query", "Me", "error"): 1,
        ("mutation", "LogIn", "error"): 1,
    }


async def test_errors_are_counted_by_code_whoever_gave_them(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    await server.post(ME, token="wxs_nobody")
    await server.post("{ me")
    await server.post("{ nobody }")
    await server.http.get("/nowhere")
    await server.http.post("/graphql", content=b"{", headers={"Content-Type": "application/json"})
    await server.http.get("/graphql", headers={"Accept": "text/html"})
    assert await figures(metrics_settings, "wxgate_errors_total") == {
        ("UNAUTHENTICATED",): 1,
        ("GRAPHQL_PARSE_FAILED",): 1,
        ("GRAPHQL_VALIDATION_FAILED",): 1,
        ("NOT_FOUND",): 1,
        ("BAD_REQUEST",): 1,
        ("NOT_ACCEPTABLE",): 1,
    }


async def test_a_thousand_names_and_paths_are_a_hundred_and_a_few(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    for number in range(1000):
        await server.http.get(f"/nowhere/{number}")
        await server.post(f"query Operation{number} {{ me {{ id }} }}")
        await server.post(f"query Invalid{number} {{ nobody }}")
    requests = await figures(metrics_settings, REQUESTS)
    assert requests == {("GET", "?", "404"): 1000, ("POST", "/graphql", "200"): 2000}
    operations = await figures(metrics_settings, OPERATIONS)
    assert len(operations) == 101
    assert operations["query", "(other)", "ok"] == 900
    assert not [labels for labels in operations if "Invalid" in labels[1]]


async def test_the_operations_of_trusted_documents_keep_their_names_whoever_came_before_them(
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    metrics_settings: MetricsSettings,
    tmp_path: Path,
) -> None:
    file = tmp_path / "persisted-documents.json"
    file.write_text(json.dumps({"a1": f"query Trusted {ME}"}))
    trusting = settings.model_copy(update={"trusted": TrustedSettings(documents=file)})
    async with open_server(trusting, wechat_simulator, clock) as server:
        for number in range(150):
            await server.post(f"query Stranger{number} {{ __typename }}")
        await server.http.post("/graphql", json={"documentId": "a1"})
        operations = await figures(metrics_settings, OPERATIONS)
    assert operations["query", "Trusted", "ok"] == 1
    assert operations["query", "(other)", "ok"] == 51
