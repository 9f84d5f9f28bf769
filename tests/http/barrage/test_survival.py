"""What is left of the server after everything, three times over: all of it, and nothing of the clients."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from tests.http.barrage.bodies import BODIES
from tests.http.barrage.documents import DOCUMENTS
from tests.http.barrage.heads import HEADS
from tests.http.barrage.leaving import PHASES, leave
from tests.http.barrage.methods import METHODS
from tests.http.barrage.shots import CANARY, fire
from tests.http.barrage.target import Target
from tests.http.barrage.uploads import UPLOADS
from tests.secret_patterns import secrets_in

ROUNDS: Final = 3
AT_ONCE: Final = 8
SHOTS: Final = [*HEADS, *BODIES, *DOCUMENTS, *METHODS, *UPLOADS]
MEBIBYTE: Final = 1024  # in KiB, as the kernel counts


@pytest.fixture(scope="module")
def survivor(target: Target) -> Target:
    """The server after the whole barrage, whatever other tests ran before."""
    with ThreadPoolExecutor(AT_ONCE) as clients:
        for _ in range(ROUNDS):
            list(clients.map(lambda phase: leave(target, phase, reset=True), PHASES))
            list(clients.map(lambda shot: fire(target, shot), SHOTS))
    target.is_left_alone()
    return target


def test_a_signed_in_person_is_answered_as_ever(survivor: Target) -> None:
    assert survivor.me()["id"]


def test_no_connection_is_left(survivor: Target) -> None:
    survivor.is_left_alone()
    assert survivor.open_connections() == 0


@pytest.mark.parametrize("when", ["VmRSS", "VmHWM"], ids=["in the end", "at the worst moment"])
def test_the_server_has_not_grown(survivor: Target, when: str) -> None:
    grown = survivor.memory(when) - survivor.resident_before
    assert grown < 32 * MEBIBYTE


def test_no_line_of_the_log_is_an_error(survivor: Target) -> None:
    lines = survivor.lines()
    assert len(lines) > ROUNDS * len(SHOTS)
    assert [line for line in lines if line["level"] not in {"DEBUG", "INFO", "WARNING"}] == []
    assert "Traceback" not in survivor.log.read_text("utf-8")


def test_nothing_that_was_sent_is_in_the_log(survivor: Target) -> None:
    text = survivor.log.read_text("utf-8")
    assert '"path":"/graphql"' in text
    assert CANARY.lower() not in text.lower()
    assert secrets_in(text) == []
