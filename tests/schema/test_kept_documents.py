"""Documents that are kept ready: the same for the same text, bounded, and none that was refused."""

import pytest
from graphql import parse

from graph.execution.document_cache import KeptDocuments, ReadyDocument
from graph.execution.documents import DocumentRefused, Documents, GraphQLRequest
from graph.schema.build import build_schema, graphql_core_schema

SCHEMA = graphql_core_schema(build_schema())


def ready(text: str) -> ReadyDocument:
    return ReadyDocument(SCHEMA, parse(text), plans=True)


def test_a_document_is_made_once() -> None:
    made: list[str] = []

    def make(text: str) -> ReadyDocument:
        made.append(text)
        return ready(text)

    kept = KeptDocuments(make)
    assert kept("{ me { id } }") is kept("{ me { id } }")
    assert kept("{ me { id  } }") is not kept("{ me { id } }")
    assert made == ["{ me { id } }", "{ me { id  } }"]


def test_a_document_that_many_ask_for_outlives_any_number_of_others() -> None:
    kept = KeptDocuments(ready, most_bytes=100_000)
    asked_for = kept("{ me { id } }")
    for number in range(500):
        kept(f"{{ a{number}: me {{ id }} }}")
        assert kept("{ me { id } }") is asked_for


def test_long_texts_and_many_tokens_both_count() -> None:
    for text in ("{ me { id } }" + " " * 4_000, "{ me { " + "id " * 90 + "} }"):
        kept = KeptDocuments(ready, most_bytes=100_000)
        first = kept(text)
        for number in range(10):
            kept(f"{text} # {number}")
        assert kept(text) is not first


def test_a_refused_document_takes_no_good_one_s_place() -> None:
    documents = Documents(SCHEMA, introspection=False)
    good = documents.find(GraphQLRequest("{ me { id } }"))
    for number in range(3_000):
        with pytest.raises(DocumentRefused):
            documents.find(GraphQLRequest(f"{{ me {{ x{number} }} }}"))
    assert documents.find(GraphQLRequest("{ me { id } }")) is good
    assert len(documents._kept._documents) == 1


def test_each_operation_of_a_document_is_chosen_by_its_name() -> None:
    document = ready("query a { me { id } } query b { me { gender } }")
    first, second = document.operation("a"), document.operation("b")
    assert first is not None
    assert second is not None
    assert (first.node.name and first.node.name.value, second.node.name and second.node.name.value) == ("a", "b")
    assert document.operation("a") is first
    assert document.operation(None) is document.operation("c") is None
