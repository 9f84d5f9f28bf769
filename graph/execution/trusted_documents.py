"""The documents that a deployment trusts: made when its clients were built, and asked for by their ids.

The file is what graphql-codegen's client preset writes with `persistedDocuments`: a JSON object from ids to documents.
An id is opaque. Only the prefixes `sha1:` and `sha256:` mean anything: GraphQL over HTTP writes the latter, code
generators leave both out, and with or without one an id is the same id.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

# Checking a document takes some five milliseconds, once, before the server answers anything.
MAX_DOCUMENTS: Final = 1_000
MAX_FILE_BYTES: Final = 8 * 1024 * 1024
MAX_ID_CHARACTERS: Final = 256

_ALGORITHMS: Final = frozenset({"sha1", "sha256"})


class TrustedDocumentsError(Exception):
    """One sentence for the operator; it may name a document by its id, and never repeats one."""


@dataclass(frozen=True, slots=True)
class TrustedDocument:
    """One document, under its id as the file has it."""

    id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TrustedDocuments:
    """At least one document; made by `load`, which alone refuses bad files."""

    _by_digest: Mapping[str, TrustedDocument] = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The documents in a file, which no schema has seen yet. Raises `TrustedDocumentsError`."""
        documents: dict[str, TrustedDocument] = {}
        for position, (document_id, text) in enumerate(_members(path), start=1):
            _, digest = _parts(document_id)
            if not (digest and document_id.isprintable() and len(document_id) <= MAX_ID_CHARACTERS):
                msg = f"The id of trusted document {position} must have 1 to {MAX_ID_CHARACTERS} printable characters."
                raise TrustedDocumentsError(msg)
            if digest in documents:
                msg = f'Two trusted documents have one id: "{documents[digest].id}" and "{document_id}".'
                raise TrustedDocumentsError(msg)
            documents[digest] = TrustedDocument(document_id, text)
        return cls(documents)

    def __iter__(self) -> Iterator[TrustedDocument]:
        return iter(self._by_digest.values())

    def find(self, document_id: str) -> TrustedDocument | None:
        """The document that a client means."""
        document = self._by_digest.get(_parts(document_id)[1])
        return document if document is not None and is_same_id(document.id, document_id) else None


def is_same_id(one: str, other: str) -> bool:
    """Whether two ids differ at most in that one of them leaves out its algorithm."""
    (one_algorithm, one_digest), (other_algorithm, other_digest) = _parts(one), _parts(other)
    return one_digest == other_digest and (one_algorithm == other_algorithm or not (one_algorithm and other_algorithm))


def _parts(document_id: str) -> tuple[str, str]:
    """Algorithm ("" where none is named) and digest."""
    algorithm, colon, digest = document_id.partition(":")
    return (algorithm, digest) if colon and algorithm in _ALGORITHMS else ("", document_id)


def _members(path: Path) -> tuple[tuple[str, str], ...]:
    decoded = None
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) <= MAX_FILE_BYTES:
            # Objects become tuples, which JSON has not, and keep the members that share a name.
            decoded = json.loads(content.decode("utf-8"), object_pairs_hook=tuple)
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    except (ValueError, RecursionError):
        fault = "is not JSON in UTF-8"
    else:
        if len(content) > MAX_FILE_BYTES:
            fault = f"may have {MAX_FILE_BYTES} bytes at most"
        elif not isinstance(decoded, tuple) or not all(isinstance(text, str) for _, text in decoded):
            fault = "must be one JSON object from ids to documents as text"
        elif not 1 <= len(decoded) <= MAX_DOCUMENTS:
            fault = f"must have 1 to {MAX_DOCUMENTS} documents, not {len(decoded)}"
        else:
            return decoded
    msg = f"The file of trusted documents {fault}."
    raise TrustedDocumentsError(msg)
