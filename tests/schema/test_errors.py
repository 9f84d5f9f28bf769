"""Every exception that a request can raise has a code; whatever else happens stays a secret of the server's log."""

import logging
from collections.abc import Iterator
from typing import Any, Final

import asyncpg
import pytest

from graph.accounts.errors import (
    AccountError,
    CodesTooFrequent,
    CodeWasted,
    KeyNotRetired,
    NewCodeNeeded,
    NotEnabled,
    NotMerged,
    PhoneNotStored,
    ProfileInvalid,
    UploadsBusy,
)
from graph.errors import INTERNAL, CodedError, ErrorAction, ErrorCode
from graph.pictures.errors import (
    ExtraMissing,
    PictureError,
    PicturesBusy,
    PictureUnusable,
    StoreMisconfigured,
    StoreUnavailable,
)
from graph.schema.errors import coded
from graph.security.errors import RateLimited
from graph.settings import Settings
from graph.wechat.errors import (
    AccessTokenRefused,
    CircuitOpen,
    ContentRisky,
    DecryptFailed,
    MalformedSubmission,
    PhoneNumberUnusable,
    SessionKeyInvalid,
    SubmissionError,
    WatermarkOutOfRange,
    WeChatError,
    WeChatRateLimited,
    WeChatUnavailable,
)
from models.database import RAISED_BY_DRIVERS, translated
from models.errors import DatabaseError, UnsupportedDatabase
from tests.accounts.stored import run_sql
from tests.server import ME, TestServer

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# The arguments of the classes that need some.
ARGUMENTS: Final[dict[type[Exception], dict[str, Any]]] = {
    WeChatUnavailable: {"reason": "timeout"},
    CircuitOpen: {"reason": "it did not answer lately", "retry_after": 0.2505},
    WeChatRateLimited: {"retry_after": 60},
    RateLimited: {"retry_after_ms": 1_500},
    CodesTooFrequent: {"retry_after_ms": 2_500},
    MalformedSubmission: {"field": "iv", "fault": "must be 16 bytes."},
    ProfileInvalid: {"argument": "city", "fault": "must have at most 64 characters."},
    DecryptFailed: {"reason": "padding"},
    WatermarkOutOfRange: {"reason": "too old"},
    NewCodeNeeded: {"cause": CodeWasted()},
    NotEnabled: {"setting": "WXGATE_PHONE_ENCRYPTED"},
    PictureUnusable: {"fault": "kind", "reason": "is none"},
    StoreUnavailable: {"reason": "ENOSPC"},
    StoreMisconfigured: {"reason": "EACCES"},
}
# Raised while the server is put together, or by a command: never by a request.
FOR_OPERATORS: Final = {UnsupportedDatabase, KeyNotRetired, NotMerged, ExtraMissing}
# Caught within the client of WeChat.
WITHIN_THE_CLIENT: Final = {AccessTokenRefused, ContentRisky, SessionKeyInvalid}


def leaves(family: type[Exception]) -> Iterator[type[Exception]]:
    """The classes of a family that have no subclasses of their own."""
    for kind in family.__subclasses__():
        yield from leaves(kind) if kind.__subclasses__() else [kind]


KINDS: Final = [
    kind
    for family in (WeChatError, SubmissionError, AccountError, PictureError, DatabaseError)
    for kind in leaves(family)
    if kind.__module__.startswith(("graph.", "models.")) and kind not in FOR_OPERATORS | WITHIN_THE_CLIENT
] + [RateLimited, WeChatUnavailable]


def code_of(kind: type[Exception]) -> CodedError:
    known = coded(kind(**ARGUMENTS.get(kind, {})))
    assert known is not None, f"{kind.__name__} has no code"
    return known


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_exception_of_a_use_case_has_a_code(kind: type[Exception]) -> None:
    known = code_of(kind)
    assert known.code is not ErrorCode.INTERNAL_SERVER_ERROR
    assert known.message.endswith(".")
    # What may be retried names the step before it; nothing else does.
    assert known.retryable == (known.action not in {ErrorAction.FIX_REQUEST, ErrorAction.GIVE_UP})


@pytest.mark.parametrize("defect", [RuntimeError("what"), KeyError("what"), Exception()])
def test_an_unforeseen_exception_has_no_code(defect: Exception) -> None:
    assert coded(defect) is None


@pytest.mark.parametrize(
    "kind", [asyncpg.InternalClientError, asyncpg.InterfaceError, asyncpg.AdminShutdownError, ConnectionResetError]
)
def test_a_database_that_hangs_up_is_no_defect(kind: type[Exception]) -> None:
    assert issubclass(kind, RAISED_BY_DRIVERS)
    known = coded(translated(kind("cannot switch to state 11")))
    assert known is not None
    assert known.code is ErrorCode.SERVICE_UNAVAILABLE


def test_only_what_time_may_mend_has_a_time() -> None:
    assert len(KINDS) >= 14
    times = {kind: known.retry_after_ms for kind in KINDS if (known := code_of(kind)).retry_after_ms is not None}
    assert times == {
        WeChatRateLimited: 60_000,
        WeChatUnavailable: 1000,
        PhoneNumberUnusable: 1000,
        CircuitOpen: 251,
        PhoneNotStored: 1000,
        PicturesBusy: 1000,
        UploadsBusy: 1000,
        CodeWasted: 1000,
        NewCodeNeeded: 1000,
        RateLimited: 1_500,
        CodesTooFrequent: 2_500,
    }


def without_response(*, code_may_be_spent: bool) -> WeChatUnavailable:
    error = WeChatUnavailable("timeout")
    error.code_may_be_spent = code_may_be_spent
    return error


@pytest.mark.parametrize(
    ("error", "action", "words"),
    [
        (without_response(code_may_be_spent=True), ErrorAction.LOG_IN, "new code"),
        (without_response(code_may_be_spent=False), ErrorAction.WAIT, "just now: try again."),
        (CodeWasted(), ErrorAction.LOG_IN, "new code"),
        (NewCodeNeeded(CodeWasted()), ErrorAction.ASK_AGAIN, "new code"),
        (NewCodeNeeded(without_response(code_may_be_spent=False)), ErrorAction.WAIT, "just now: try again."),
        (CodesTooFrequent(2_500), ErrorAction.LOG_IN, "new code"),
        (CircuitOpen("it did not answer lately", retry_after=1), ErrorAction.WAIT, "same code"),
    ],
)
def test_a_new_code_is_asked_for_only_where_the_old_may_be_spent(
    error: Exception, action: ErrorAction, words: str
) -> None:
    known = coded(error)
    assert known is not None
    assert (known.action, words in known.message) == (action, True)


def test_the_extensions_have_these_members_and_no_others() -> None:
    waiting = CodedError(ErrorCode.RATE_LIMITED, "Wait.", ErrorAction.WAIT, retry_after_ms=5)
    members = {"code": "RATE_LIMITED", "action": "WAIT", "retryable": True, "requestId": "id", "retryAfterMs": 5}
    assert waiting.extensions("id") == members
    members = {"code": "INTERNAL_SERVER_ERROR", "action": "GIVE_UP", "retryable": False, "requestId": "id"}
    assert INTERNAL.extensions("id") == members


@on_sqlite
async def test_an_unforeseen_exception_is_masked_and_logged_without_its_text(
    server: TestServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    token = (await server.login())["token"]
    # No statement of the server writes it, so none expects to read it.
    await run_sql(settings, "UPDATE users SET gender = 77")

    response = await server.http.post("/graphql", json={"query": ME}, headers={"Authorization": f"Bearer {token}"})

    request_id = response.headers["x-request-id"]
    assert response.status_code == 200
    assert response.json() == {
        "data": {"me": None},
        "errors": [
            {
                "message": "Something went wrong on the server.",
                "path": ["me"],
                "locations": [{"line": 1, "column": 3}],
                "extensions": INTERNAL.extensions(request_id),
            }
        ],
    }
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    fields = vars(record)
    assert (fields["reason"], fields["request_id"]) == ("KeyError", request_id)
    assert "graph/schema/types.py" in fields["frames"]
    assert "77" not in str({name: fields[name] for name in ("msg", "args", "reason", "frames", "exc_info")})


@on_sqlite
async def test_a_foreseen_failure_of_a_client_is_nothing_to_log_as_an_error(
    server: TestServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert await server.code_of_error(ME, token="nonsense") == "UNAUTHENTICATED"
    assert await server.code_of_error("{ nonsense }") == "GRAPHQL_VALIDATION_FAILED"
    assert await server.code_of_error("{{{") == "GRAPHQL_PARSE_FAILED"
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@on_sqlite
@pytest.mark.parametrize("table", ["sessions", "users"])
async def test_tables_of_another_version_are_no_fault_of_the_client(
    server: TestServer, settings: Settings, table: str
) -> None:
    token = (await server.login())["token"]
    await run_sql(settings, f"ALTER TABLE {table} RENAME TO elsewhere")
    assert await server.code_of_error(ME, token=token) == "SERVICE_UNAVAILABLE"


def test_what_is_switched_off_is_named_by_its_setting() -> None:
    known = coded(NotEnabled(setting="WXGATE_PHONE_ENCRYPTED"))
    assert known is not None
    assert known.message == "The operators have not switched this on (WXGATE_PHONE_ENCRYPTED)."
