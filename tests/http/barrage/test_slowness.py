"""Who takes too long is told so and let go, all of them at once, and nobody else notices."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final

from tests.http.barrage.shots import connect, read_answer
from tests.http.barrage.slowness import DRIPS, answers_to
from tests.http.barrage.target import Target

IDLE: Final = 300


def test_whoever_takes_too_long_is_let_go(target: Target) -> None:
    with ThreadPoolExecutor(len(DRIPS)) as clients:
        answers = list(clients.map(lambda drip: answers_to(target, drip), DRIPS))
    assert dict(zip([drip.name for drip in DRIPS], answers, strict=True)) == {drip.name: drip.answers for drip in DRIPS}


def test_300_connections_that_say_nothing_keep_nobody_out_and_are_let_go(target: Target) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(connect(target)) for _ in range(IDLE)]
        assert target.me()["id"]
        for connection in idle:
            with connection.makefile("rb") as reader:
                assert read_answer(reader).codes() == {"REQUEST_TIMEOUT"}
                assert reader.read() == b""
    target.is_left_alone()
