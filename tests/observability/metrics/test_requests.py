"""Requests, operations and errors as they are counted: under few labels, whatever strangers send."""

from typing import Final

from prometheus_client import generate_latest

from graph.observability.metrics import Metrics
from tests.secret_patterns import secrets_in

REQUESTS: Final = "wxgate_http_request_duration_seconds"
OPERATIONS: Final = "wxgate_graphql_operation_duration_seconds"


def values(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The samples of this name, by the values of their labels."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == name
    }


def test_a_request_is_counted_by_method_path_and_status_with_its_time() -> None:
    metrics = Metrics(())
    for seconds in (0.0004, 0.003, 20.0):
        metrics.request_finished("POST", "/graphql", 200, seconds)
    metrics.request_finished("GET", "/readyz", 503, 0.1)
    assert values(metrics, f"{REQUESTS}_count") == {("POST", "/graphql", "200"): 3, ("GET", "/readyz", "503"): 1}
    assert round(values(metrics, f"{REQUESTS}_sum")["POST", "/graphql", "200"], 4) == 20.0034
    buckets = {key[-1]: value for key, value in values(metrics, f"{REQUESTS}_bucket").items() if "POST" in key}
    assert [buckets[bound] for bound in ("0.0005", "0.0025", "0.005", "10.0", "+Inf")] == [1, 1, 2, 2, 3]


def test_what_takes_as_long_as_a_bound_counts_as_within_it() -> None:
    metrics = Metrics(())
    metrics.request_finished("GET", "/livez", 200, 0.25)
    buckets = {key[-1]: value for key, value in values(metrics, f"{REQUESTS}_bucket").items()}
    assert (buckets["0.1"], buckets["0.25"]) == (0, 1)


def test_an_operation_is_counted_by_name_kind_and_outcome_and_its_errors_by_code() -> None:
    metrics = Metrics(())
    metrics.operation_finished("Me", "query", (), 0.001)
    metrics.operation_finished("Me", "query", ["UNAUTHENTICATED"], 0.001)
    metrics.operation_finished(None, "mutation", ["RATE_LIMITED", "UNAUTHENTICATED"], 0.001)
    metrics.errors_answered(["GRAPHQL_PARSE_FAILED"])
    assert values(metrics, f"{OPERATIONS}_count") == {
        ("Me", "query", "ok"): 1,
        ("Me", "query", "error"): 1,
        ("(anonymous)", "mutation", "error"): 1,
    }
    assert values(metrics, "wxgate_errors_total") == {
        ("UNAUTHENTICATED",): 2,
        ("RATE_LIMITED",): 1,
        ("GRAPHQL_PARSE_FAILED",): 1,
    }


def test_a_thousand_names_of_operations_are_a_hundred_and_the_rest() -> None:
    metrics = Metrics(())
    for number in range(1000):
        for _ in range(2):
            metrics.operation_finished(f"Operation{number}", "query", (), 0.001)
    counted = values(metrics, f"{OPERATIONS}_count")
    assert len(counted) == 101
    assert counted["Operation0", "query", "ok"] == 2
    assert counted["(other)", "query", "ok"] == 1800


def test_a_thousand_methods_are_one_label() -> None:
    metrics = Metrics(())
    for number in range(1000):
        metrics.request_finished(f"METHOD{number}", "?", 405, 0.001)
    assert values(metrics, f"{REQUESTS}_count") == {("(other)", "?", "405"): 1000}


def test_a_token_that_is_sent_as_the_name_of_an_operation_is_no_label() -> None:
    metrics = Metrics(())
    token = "wxs_" + "a1B2" * 12
    metrics.operation_finished(token, "query", (), 0.001)
    assert secrets_in(token) == ["session token"]
    assert secrets_in(generate_latest(metrics.registry).decode()) == []
    assert values(metrics, f"{OPERATIONS}_count") == {("(other)", "query", "ok"): 1}


def test_each_server_counts_for_itself() -> None:
    one, other = Metrics(()), Metrics(())
    one.request_finished("GET", "/livez", 200, 0.001)
    assert values(other, f"{REQUESTS}_count") == {}
