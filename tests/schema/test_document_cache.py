"""The cache of documents: one object for one text, bounded, and without those that were refused."""

import pytest
from graphql import parse

from graph.execution.document_cache import DocumentCache, ReadyDocument
from graph.execution.documents import DocumentRefused, Documents, GraphQLRequest
from graph.schema.build import build_schema, graphql_core_schema

SCHEMA = graphql_core_schema(build_schema())


def ready(text: str) -> ReadyDocument:
    return ReadyDocument.of(SCHEMA, parse(text), plans=True)


def test_a_document_is_made_once() -> None:
    made: list[str] = []

    def make(text: str) -> ReadyDocument:
        made.append(text)
        return ready(text)

    cache = DocumentCache(make)
    assert cache.get("{ me { id } }") is cache.get("{ me { id } }")
    assert cache.get("{ me { id  } }") is not cache.get("{ me { id } }")
    assert made == ["{ me { id } }", "{ me { id  } }"]


def test_a_document_in_use_outlives_any_number_of_others() -> None:
    cache = DocumentCache(ready, most_bytes=100_000)
    in_use = cache.get("{ me { id } }")
    for number in range(500):
        cache.get(f"{{ a{number}: me {{ id }} }}")
        assert cache.get("{ me { id } }") is in_use


@pytest.mark.parametrize("text", ["{ me { id } }" + " " * 4_000, "{ me { " + "id " * 90 + "} }"])
def test_long_texts_and_many_tokens_both_count(text: str) -> None:
    cache = DocumentCache(ready, most_bytes=100_000)
    first = cache.get(text)
    for number in range(10):
        cache.get(f"{text} # {number}")
    assert cache.get(text) is not first


def test_a_refused_document_displaces_no_valid_one() -> None:
    documents = Documents(SCHEMA, introspection=False)
    valid = documents.find(GraphQLRequest("{ me { id } }"))
    for number in range(3_000):
        with pytest.raises(DocumentRefused):
            documents.find(GraphQLRequest(f"{{ me {{ x{number} }} }}"))
    assert documents.find(GraphQLRequest("{ me { id } }")) is valid
    assert len(documents.cache) == 1


def test_each_operation_of_a_document_is_chosen_by_its_name() -> None:
    operations = ready("query a { me { id } } mutation b { __typename }").operations
    assert {name: operation.kind for name, operation in operations.items()} == {"a": "query", "b": "mutation"}
    only = ready("query a { me { id } }").operations
    assert only[None] is only["a"]
