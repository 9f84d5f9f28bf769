"""The same seed gives the same world; no seed gives one that nobody can foretell."""

from typing import Any

from graph.simulator import SimulatorState
from tests.simulator.conftest import APP_ID, APP_SECRET, Clock, playing


async def story(state: SimulatorState) -> list[Any]:
    """Everything that a small cast gets to see, in order."""
    async with playing(state) as simulator:
        seen: list[Any] = []
        for person in ("alice", "bob", "alice"):
            code = await simulator.login(person, unionId=True)
            seen += [code, await simulator.code2session(code), await simulator.code2session(code)]
            seen += [await simulator.phone("user-info", person=person, policy="old")]
            seen += [await simulator.phone("phone-number", person=person)]
        seen += [await simulator.token(), await simulator.stable_token()]
        return seen


async def test_the_same_seed_tells_the_same_story() -> None:
    first, second = [await story(SimulatorState(APP_ID, APP_SECRET, seed=7, now=Clock())) for _ in range(2)]

    assert first == second


async def test_another_seed_or_none_tells_another_story() -> None:
    stories = [await story(SimulatorState(APP_ID, APP_SECRET, seed=seed, now=Clock())) for seed in (7, 8, None, None)]

    assert len({str(told) for told in stories}) == 4
    assert len({told[1]["openid"] for told in stories}) == 4


def test_an_openid_outlives_a_restart_whoever_came_first() -> None:
    before = SimulatorState(APP_ID, APP_SECRET, seed=7)
    after = SimulatorState(APP_ID, "another secret", seed=7)
    names = ["alice", "bob", "carol"]

    met_before = {name: before.people.meet(name, unionid=True) for name in names}
    met_after = {name: after.people.meet(name, unionid=True) for name in reversed(names)}

    assert met_before == met_after
    assert len({person.openid for person in met_before.values()}) == 3


def test_an_openid_with_this_seed_is_written_down_here_so_that_no_release_changes_it() -> None:
    state = SimulatorState("wx0123456789abcdef", APP_SECRET, seed=0)

    assert state.people.meet("alice").openid == "oFs6U10QTtz4eZK_0LDhZT0rmcie"


def test_an_openid_differs_between_apps_and_a_unionid_does_not() -> None:
    one, other = [
        SimulatorState(app_id, APP_SECRET, seed=7).people.meet("alice", unionid=True)
        for app_id in (APP_ID, "wxffffffffffffffff")
    ]

    assert one.openid != other.openid
    assert one.unionid == other.unionid
