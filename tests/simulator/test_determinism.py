"""The same seed gives the same values; no seed gives values that cannot be predicted."""

from typing import Any

from graph.simulator import SimulatorState
from tests.simulator.conftest import APP_ID, APP_SECRET, Clock, playing


async def received(state: SimulatorState) -> list[Any]:
    """Everything that a few users receive, in order."""
    async with playing(state) as simulator:
        seen: list[Any] = []
        for user in ("alice", "bob", "alice"):
            code = await simulator.login(user, unionId=True)
            seen += [code, await simulator.code2session(code), await simulator.code2session(code)]
            seen += [await simulator.phone("user-info", user=user, policy="old")]
            seen += [await simulator.phone("phone-number", user=user)]
        seen += [await simulator.token(), await simulator.stable_token()]
        return seen


async def test_the_same_seed_gives_the_same_values() -> None:
    first, second = [await received(SimulatorState(APP_ID, APP_SECRET, seed=7, now=Clock())) for _ in range(2)]

    assert first == second


async def test_another_seed_or_none_gives_other_values() -> None:
    runs = [await received(SimulatorState(APP_ID, APP_SECRET, seed=seed, now=Clock())) for seed in (7, 8, None, None)]

    assert len({str(run) for run in runs}) == 4
    assert len({run[1]["openid"] for run in runs}) == 4


def test_an_openid_outlives_a_restart_in_any_order_of_logins() -> None:
    before = SimulatorState(APP_ID, APP_SECRET, seed=7)
    after = SimulatorState(APP_ID, "another secret", seed=7)
    names = ["alice", "bob", "carol"]

    first = {name: before.users.get(name, unionid=True) for name in names}
    second = {name: after.users.get(name, unionid=True) for name in reversed(names)}

    assert first == second
    assert len({user.openid for user in first.values()}) == 3


def test_no_release_changes_the_openid_of_a_seed() -> None:
    state = SimulatorState("wx0123456789abcdef", APP_SECRET, seed=0)

    assert state.users.get("alice").openid == "oFs6U10QTtz4eZK_0LDhZT0rmcie"


def test_an_openid_differs_between_apps_and_a_unionid_does_not() -> None:
    one, other = [
        SimulatorState(app_id, APP_SECRET, seed=7).users.get("alice", unionid=True)
        for app_id in (APP_ID, "wxffffffffffffffff")
    ]

    assert one.openid != other.openid
    assert one.unionid == other.unionid
