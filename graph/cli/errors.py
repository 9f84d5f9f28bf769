"""Turns what a command may raise on purpose into one sentence and exit code 1."""

import contextlib
from collections.abc import Iterator

import click

from graph.accounts.errors import KeyInUse, KeyRingMismatch, UnknownKey
from graph.execution.trusted_documents import TrustedDocumentsError
from graph.security.errors import KeyRingError, RateLimitStorageUnusable
from graph.settings import SettingsError
from graph.tracing import TracingUnavailable
from models.errors import DatabaseBehind, DatabaseError, UnsupportedDatabase


@contextlib.contextmanager
def faults_in_one_sentence() -> Iterator[None]:
    """A fault of the settings, the keys, the database or the system ends the command; a defect keeps its traceback."""
    sentence = ""
    try:
        yield
    except (SettingsError, KeyRingMismatch, KeyInUse, UnknownKey) as error:
        sentence = str(error)
    except KeyRingError as error:
        sentence = f"WXGATE_ENCRYPTION_KEYS: {error}."
    except TrustedDocumentsError as error:
        sentence = f"WXGATE_TRUSTED_DOCUMENTS: {error}"
    except RateLimitStorageUnusable as error:
        sentence = f"WXGATE_RATE_LIMIT_STORAGE {error}."
    except TracingUnavailable as error:
        sentence = f"WXGATE_OTEL {error}."
    except UnsupportedDatabase as error:
        sentence = f"WXGATE_DATABASE_URL {error}."
    except DatabaseBehind:
        sentence = "The database's tables are not those of this version: run `wxgate migrate`."
    except DatabaseError as error:
        sentence = f"The database could not do it ({error}): is it running, and is WXGATE_DATABASE_URL right?"
    except OSError as error:
        sentence = ": ".join(filter(None, [error.filename, error.strerror])) or "The operating system refused."
    if sentence:
        raise click.ClickException(sentence)
