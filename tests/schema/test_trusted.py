"""Which files of trusted documents a server starts with, and what it says of the others."""

import hashlib
import json
from pathlib import Path
from typing import Final

import pytest

from graph.execution.document_limits import DocumentLimits
from graph.execution.documents import Documents
from graph.execution.trusted_documents import (
    MAX_DOCUMENTS,
    MAX_FILE_BYTES,
    MAX_ID_CHARACTERS,
    TrustedDocuments,
    TrustedDocumentsError,
)
from graph.schema.build import build_schema, graphql_core_schema

# As graphql-codegen's client preset writes it: two spaces, no newline at the end, ids that are the SHA-1 of the text.
PERSISTED: Final = Path(__file__).with_name("persisted-documents.json")
SHA1: Final = "5ba93c9db0cff93f52b521d7420e43f6eda2784f"
DIGEST: Final = hashlib.sha256(b"{ me { id } }").hexdigest()


def loaded(tmp_path: Path, content: object) -> TrustedDocuments:
    """The documents of a file with this content: bytes as they are, anything else as JSON."""
    path = tmp_path / "persisted-documents.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content, indent=2).encode())
    return TrustedDocuments.load(path)


def refusal(tmp_path: Path, content: object) -> str:
    """The sentence about a file that cannot be used."""
    with pytest.raises(TrustedDocumentsError) as caught:
        loaded(tmp_path, content)
    return sentence(caught.value)


def sentence(error: TrustedDocumentsError) -> str:
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    assert str(error).endswith(".")
    assert "\n" not in str(error)
    return str(error)


def documents_of(
    trusted: TrustedDocuments | None,
    *,
    introspection: bool = False,
    limits: DocumentLimits | None = None,
    only: bool = False,
) -> Documents:
    schema = graphql_core_schema(build_schema())
    return Documents(schema, introspection=introspection, limits=limits, trusted=trusted, trusted_only=only)


def misfit(tmp_path: Path, text: str) -> str:
    """The sentence about a document that no request could execute, which stands behind one that fits."""
    trusted = loaded(tmp_path, {"fits": "{ me { id } }", "misfit": text})
    with pytest.raises(TrustedDocumentsError) as caught:
        documents_of(trusted)
    return sentence(caught.value)


def test_the_file_of_a_code_generator_is_taken_as_it_is() -> None:
    documents = list(TrustedDocuments.load(PERSISTED))
    assert len(documents) == 3
    for document in documents:
        assert document.id == hashlib.sha1(document.text.encode(), usedforsecurity=False).hexdigest()
    documents_of(TrustedDocuments.load(PERSISTED))
    documents_of(TrustedDocuments.load(PERSISTED), only=True)


@pytest.mark.parametrize(
    ("stored", "asked", "is_found"),
    [
        *((stored, asked, True) for stored in (DIGEST, f"sha256:{DIGEST}") for asked in (DIGEST, f"sha256:{DIGEST}")),
        *((stored, asked, True) for stored, asked in ((SHA1, f"sha1:{SHA1}"), (f"sha1:{SHA1}", SHA1))),
        *((stored, stored, True) for stored in ("whoami", "x-mine:whoami")),
        ("whoami", "sha1:whoami", True),
        ("x-mine:whoami", "whoami", False),
        *((f"sha256:{DIGEST}", f"{algorithm}:{DIGEST}", False) for algorithm in ("sha1", "sha256:sha256")),
        *((DIGEST, asked, False) for asked in (f"sha512:{DIGEST}", DIGEST.upper(), DIGEST[:-1], f" {DIGEST}")),
        *((DIGEST, asked, False) for asked in ("", "sha256:", "{ me { id } }")),
    ],
)
def test_an_id_is_found_with_or_without_its_algorithm(tmp_path: Path, stored: str, asked: str, is_found: bool) -> None:
    found = loaded(tmp_path, {"other": "{ __typename }", stored: "{ me { id } }"}).find(asked)
    assert (found and (found.id, found.text)) == ((stored, "{ me { id } }") if is_found else None)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "nowhere.json", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(TrustedDocumentsError) as caught:
            TrustedDocuments.load(path)
        assert sentence(caught.value) == f"The file of trusted documents cannot be read: {reason}."


NO_JSON: Final = (b"", b" ", b"{", b'{"a": "{ me { id } }",}', b"{'a': 'b'}", b'{"a": "\xff"}', b"\xff\xfe{\x00}\x00")
NO_TEXTS: Final[tuple[object, ...]] = (
    *(None, "{ me { id } }", 7, [], [["a", "{ me { id } }"]], {"a": None}),
    {"a": "{ me { id } }", "b": {"body": "{ me { id } }"}},
    {"format": "apollo-persisted-query-manifest", "version": 1, "operations": []},
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        *((content, "is not JSON in UTF-8.") for content in (*NO_JSON, b"[" * 90_000)),
        *((content, "must be one JSON object from ids to documents as text.") for content in NO_TEXTS),
    ],
)
def test_a_file_goes_from_text_to_text_in_json(tmp_path: Path, content: object, reason: str) -> None:
    assert refusal(tmp_path, content) == f"The file of trusted documents {reason}"


def test_a_file_has_at_least_one_document_and_not_too_many(tmp_path: Path) -> None:
    documents = {str(number): "{ me { id } }" for number in range(MAX_DOCUMENTS)}
    assert len(list(loaded(tmp_path, documents))) == MAX_DOCUMENTS
    for wrong in ({}, {**documents, "one": "more"}):
        assert refusal(tmp_path, wrong).endswith(f"must have 1 to {MAX_DOCUMENTS} documents, not {len(wrong)}.")


def test_a_file_is_read_no_further_than_allowed(tmp_path: Path) -> None:
    content = b'{"a": "{ me { id } }"}'
    loaded(tmp_path, content + b" " * (MAX_FILE_BYTES - len(content)))
    too_large = content + b" " * (MAX_FILE_BYTES + 1 - len(content))
    assert refusal(tmp_path, too_large) == f"The file of trusted documents may have {MAX_FILE_BYTES} bytes at most."


@pytest.mark.parametrize(
    ("one", "other"), [("abc", "abc"), ("abc", "sha256:abc"), ("sha1:abc", "abc"), ("sha1:abc", "sha256:abc")]
)
def test_an_id_that_means_two_documents_is_refused(tmp_path: Path, one: str, other: str) -> None:
    content = f'{{"{one}": "{{ me {{ id }} }}", "{other}": "{{ __typename }}"}}'.encode()
    assert refusal(tmp_path, content) == f'Two trusted documents have one id: "{one}" and "{other}".'


@pytest.mark.parametrize("wrong", ["", "sha256:", "a\nb", "a\x1b[2J", "\ud800", "x" * (MAX_ID_CHARACTERS + 1)])
def test_an_id_that_cannot_be_shown_is_named_by_its_position(tmp_path: Path, wrong: str) -> None:
    documents = {"a": "{ me { id } }", wrong: "{ me { id } }"}
    assert refusal(tmp_path, documents) == "The id of trusted document 2 must have 1 to 256 printable characters."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Syntax Error: Unexpected <EOF>."),
        ("{ me { id }", "Syntax Error: Expected Name, found <EOF>."),
        ("{ me { openid } }", "Cannot query field 'openid' on type 'User'."),
        ("query Me { me { id } } query Me { me { id } }", "There can be only one operation named 'Me'."),
        ("fragment F on User { id }", "Fragment 'F' is never used."),
        (
            "query A { me { id } } subscription B { __typename }",
            "The subscription operation is not supported by the schema.",
        ),
        ("{ " + "me { id } " * 150 + "}", "Syntax Error: Document contains more than 400 tokens. Parsing aborted."),
        (
            'mutation { a: login(code: "x") { token } b: login(code: "y") { token } }',
            "The document is too large: mutation fields may be 1 at most.",
        ),
        (
            "{ __schema { queryType { name } } }",
            "Introspection is off here: WXGATE_INTROSPECTION switches it on.",
        ),
    ],
)
def test_a_server_does_not_start_with_a_document_that_it_would_refuse(tmp_path: Path, text: str, reason: str) -> None:
    assert misfit(tmp_path, text) == f'The trusted document "misfit" does not fit this server: {reason}'


def test_of_a_document_that_does_not_fit_nothing_is_repeated(tmp_path: Path) -> None:
    secret = "0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P"
    for text in (
        f'mutation {{ login(code: ["{secret}"]) {{ token }} }}',
        f'mutation {{ login(code: "{secret}") {{ token }} ',
        f'mutation {{ login("{secret}") {{ token }} }}',
    ):
        assert secret not in misfit(tmp_path, text)
    trusted = loaded(tmp_path, {"a": "{ me { id } }"})
    assert "{ me" not in f"{trusted!r} {list(trusted)!r}"


def test_limits_and_introspection_are_those_of_the_server(tmp_path: Path) -> None:
    introspecting = loaded(tmp_path, {"schema": "{ __schema { queryType { name } } }"})
    documents_of(introspecting, introspection=True)
    with pytest.raises(TrustedDocumentsError, match='"schema"'):
        documents_of(introspecting)
    deep = loaded(tmp_path, {"deep": "{ me { id } }"})
    with pytest.raises(TrustedDocumentsError, match=r'"deep".* depth may be 1'):
        documents_of(deep, limits=DocumentLimits(depth=1))


def test_a_server_of_nothing_but_trusted_documents_needs_some() -> None:
    with pytest.raises(TrustedDocumentsError) as caught:
        documents_of(None, only=True)
    assert sentence(caught.value) == "Only trusted documents may run, and there are none: name their file."
