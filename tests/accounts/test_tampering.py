"""Whatever is changed in a good submission: the server refuses it, says why in a code, and keeps nothing of it."""

import base64
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server import SUBMIT, TestServer

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

FIELDS: Final = ("rawData", "signature", "encryptedData", "iv")
REFUSALS: Final = {"BAD_USER_INPUT", "SESSION_KEY_STALE", "DECRYPTION_FAILED"}


@dataclass(frozen=True)
class Change:
    """One change to one field; `place` and `bit` are taken modulo what the field has."""

    kind: str
    name: str
    place: int
    bit: int
    text: str = field(repr=False)

    def of(self, good: dict[str, Any], another: dict[str, Any]) -> dict[str, Any]:
        """The submission with this change, or the good one where the change is none."""
        value: str = good[self.name]
        match self.kind:
            case "bit of the text":
                place = self.place % len(value)
                changed = value[:place] + chr(ord(value[place]) ^ 1 << self.bit % 7) + value[place + 1 :]
            case "bit of the bytes":
                changed = _with_bit_flipped(value, self.place)
            case "character removed":
                place = self.place % len(value)
                changed = value[:place] + value[place + 1 :]
            case "text inserted":
                place = self.place % (len(value) + 1)
                changed = value[:place] + self.text + value[place:]
            case "other text":
                changed = self.text
            case _:
                changed = another[self.name]
        return good | {self.name: changed}


def _with_bit_flipped(value: str, place: int) -> str:
    try:
        decoded = bytearray(base64.b64decode(value, validate=True))
    except ValueError:
        return value
    decoded[place // 8 % len(decoded)] ^= 1 << place % 8
    return base64.b64encode(decoded).decode()


changes = st.builds(
    Change,
    kind=st.sampled_from(
        ["bit of the text", "bit of the bytes", "character removed", "text inserted", "other text", "another's"]
    ),
    name=st.sampled_from(FIELDS),
    place=st.integers(0, 8191),
    bit=st.integers(0, 6),
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)


@dataclass(frozen=True)
class Attempt:
    """A signed-in person with two good submissions, neither of which has been made."""

    token: str
    good: dict[str, Any]
    another: dict[str, Any]


@pytest.fixture
async def attempt(server: TestServer) -> Attempt:
    token = (await server.login("alice"))["token"]
    good = server.wechat.user_info("alice", policy="old", nickName="Алиса 🐼")
    server.wechat.advance(1)
    return Attempt(token, good, server.wechat.user_info("alice", policy="old", nickName="Another"))


@settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    # The server is the same for every example: it keeps nothing of any, or the test fails.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(change=changes)
async def test_any_change_to_a_good_submission_is_refused(server: TestServer, attempt: Attempt, change: Change) -> None:
    submission = change.of(attempt.good, attempt.another)
    if submission == attempt.good:
        return
    assert await server.code_of_error(SUBMIT, submission, token=attempt.token) in REFUSALS
    assert (await server.me(attempt.token))["nickName"] is None


async def test_the_submission_that_the_changes_are_made_to_is_good(server: TestServer, attempt: Attempt) -> None:
    assert (await server.submit(attempt.token, attempt.good))["nickName"] == "Алиса 🐼"


async def test_every_bit_of_the_iv_counts(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    good = server.wechat.user_info("alice", policy="old")
    for bit in range(128):
        changed = good | {"iv": _with_bit_flipped(good["iv"], bit)}
        assert await server.code_of_error(SUBMIT, changed, token=token) == "DECRYPTION_FAILED", bit
    assert (await server.submit(token, good))["nickName"] == "alice"
