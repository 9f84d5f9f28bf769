"""Whatever is changed in a number that WeChat encrypted, which nothing signs: no other number is stored."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from graph.settings import RateLimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.phones import MASKED, SUBMIT_ENCRYPTED
from tests.accounts.stored import run_sql
from tests.accounts.test_encrypted_phone import collect, submit
from tests.server import Clock, TestServer, open_server, settings_for

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]

REFUSALS: Final = {"SESSION_KEY_STALE", "DECRYPTION_FAILED", "BAD_USER_INPUT"}


@dataclass(frozen=True)
class Change:
    """Bytes changed by a mask, and blocks of the ciphertext left out, or put in twice; all modulo what there is."""

    masks: list[tuple[str, int, int]]
    block: int
    cut: int

    def of(self, good: dict[str, Any]) -> dict[str, Any]:
        """The data with this change, or the good ones where the change is none."""
        content = {name: bytearray(base64.b64decode(text)) for name, text in good.items()}
        for name, place, mask in self.masks:
            content[name][place % len(content[name])] ^= mask
        whole = content["encryptedData"]
        at = 16 * (self.block % (len(whole) // 16))
        content["encryptedData"] = whole[:at] + whole[max(0, at + 16 * self.cut) :]
        return {name: base64.b64encode(changed).decode() for name, changed in content.items()}


changes = st.builds(
    Change,
    masks=st.lists(
        st.tuples(st.sampled_from(["iv", "encryptedData"]), st.integers(0, 255), st.integers(1, 255)), max_size=3
    ),
    block=st.integers(0, 15),
    cut=st.sampled_from([0, 0, 0, 1, -1, 2]),
)


@dataclass(frozen=True)
class Attempt:
    """A signed-in user with a good number, which has not been submitted."""

    server: TestServer
    token: str
    good: dict[str, Any]


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_for(wechat_simulator, database_url, rate_limit=RateLimitSettings(phone="", submit=""))


@pytest.fixture
async def attempt(settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock) -> AsyncIterator[Attempt]:
    async with open_server(settings, wechat_simulator, clock) as server:
        yield Attempt(server, (await server.login("alice"))["token"], collect(wechat_simulator))


@hypothesis_settings(
    max_examples=2_000,
    derandomize=True,
    database=None,
    deadline=None,
    # The server is the same for every example: it keeps nothing of any, or the test fails.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(change=changes)
async def test_no_change_of_iv_or_ciphertext_stores_a_number(
    settings: Settings, attempt: Attempt, change: Change
) -> None:
    data = change.of(attempt.good)
    if data == attempt.good:
        return
    assert await attempt.server.code_of_error(SUBMIT_ENCRYPTED, data, token=attempt.token) in REFUSALS
    assert await run_sql(settings, "SELECT user_id FROM phones") == []


async def test_every_bit_of_the_iv_counts(attempt: Attempt) -> None:
    for bit in range(128):
        changed = Change([("iv", bit // 8, 1 << bit % 8)], block=0, cut=0).of(attempt.good)
        code = await attempt.server.code_of_error(SUBMIT_ENCRYPTED, changed, token=attempt.token)
        assert code in REFUSALS, bit
    assert (await submit(attempt.server, attempt.token, attempt.good))["masked"] == MASKED
