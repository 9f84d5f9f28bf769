"""A client may leave at any time, and takes nothing with it."""

import pytest

from tests.http.barrage.leaving import PHASES, leave
from tests.http.barrage.shots import CANARY, LIVEZ, connect, document, post, read_answer
from tests.http.barrage.target import Target


@pytest.mark.parametrize("reset", [False, True], ids=["closing", "resetting"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_client_may_leave_at_any_time(target: Target, phase: str, reset: bool) -> None:
    for _ in range(10):
        leave(target, phase, reset=reset)
    target.is_left_alone()
    assert target.me()["id"]


def test_requests_in_a_row_are_answered_in_their_order(target: Target) -> None:
    queries = [post(document(f"{{ {CANARY}{number}: __typename }}")) for number in range(10)]
    with connect(target) as connection, connection.makefile("rb") as reader:
        connection.sendall(b"".join(queries) + LIVEZ)
        for number in range(10):
            assert read_answer(reader).body == b'{"data":{"%s%d":"Query"}}' % (CANARY.encode(), number)
        assert read_answer(reader).body == b'{"status":"ok"}'


def test_thousands_of_requests_in_a_row_are_answered_up_to_a_number(target: Target) -> None:
    with connect(target) as connection, connection.makefile("rb") as reader:
        connection.sendall(LIVEZ * 20_000)
        answers = 1
        while read_answer(reader).headers.get("connection") != "close":
            answers += 1
        assert answers < 50
        assert reader.read() == b""
