"""The cache of documents: one object for one text, bounded, and without those that were refused."""

import pytest

from graph.execution.documents import DocumentRefused, Documents, GraphQLRequest, ReadyDocument
from graph.schema.build import build_schema, graphql_core_schema

SCHEMA = graphql_core_schema(build_schema())


@pytest.fixture
def documents() -> Documents:
    documents = Documents(SCHEMA, introspection=False)
    documents._bytes_left = 100_000
    return documents


def find(documents: Documents, text: str) -> ReadyDocument:
    return documents.find(GraphQLRequest(text))


def test_a_document_is_made_once(documents: Documents) -> None:
    assert find(documents, "{ me { id } }") is find(documents, "{ me { id } }")
    assert find(documents, "{ me { id  } }") is not find(documents, "{ me { id } }")
    assert len(documents.cache) == 2


def test_a_document_in_use_outlives_any_number_of_others(documents: Documents) -> None:
    in_use = find(documents, "{ me { id } }")
    for number in range(500):
        find(documents, f"{{ a{number}: me {{ id }} }}")
        assert find(documents, "{ me { id } }") is in_use


@pytest.mark.parametrize("text", ["{ me { id } }" + " " * 4_000, "{ me { " + "id " * 90 + "} }"])
def test_long_texts_and_many_tokens_both_count(documents: Documents, text: str) -> None:
    first = find(documents, text)
    for number in range(10):
        find(documents, f"{text} # {number}")
    assert find(documents, text) is not first


@pytest.mark.slow
def test_a_refused_document_displaces_no_valid_one(documents: Documents) -> None:
    valid = find(documents, "{ me { id } }")
    for number in range(3_000):
        with pytest.raises(DocumentRefused):
            find(documents, f"{{ me {{ x{number} }} }}")
    assert find(documents, "{ me { id } }") is valid
    assert len(documents.cache) == 1


def test_each_operation_of_a_document_is_chosen_by_its_name(documents: Documents) -> None:
    operations = find(documents, "query a { me { id } } mutation b { __typename }").operations
    assert {name: operation.kind for name, operation in operations.items()} == {"a": "query", "b": "mutation"}
    only = find(documents, "query a { me { id } }").operations
    assert only[None] is only["a"]
