"""When the one valid session_key of a user changes, and WeChat's two endpoints about it."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from graph.simulator import SimulatorState
from graph.simulator.credentials import Renewal
from tests.simulator.conftest import APP_ID, APP_SECRET, Clock, Simulator, playing

VECTORS = json.loads((Path(__file__).parents[1] / "wechat" / "vectors.json").read_text(encoding="utf-8"))


def signature(session_key: str) -> str:
    return hmac.new(session_key.encode(), b"", hashlib.sha256).hexdigest()


async def ask(simulator: Simulator, path: str, session: dict[str, Any], **changes: str | None) -> dict[str, Any]:
    query: dict[str, str | None] = {
        "access_token": (await simulator.stable_token())["access_token"],
        "openid": session["openid"],
        "signature": signature(session["session_key"]),
        "sig_method": "hmac_sha256",
    }
    return await simulator.get(path, **(query | changes))


@pytest.mark.parametrize(
    ("renew", "waited", "replaced"),
    [("always", 0, True), ("never", 1000, False), ("after", 299, False), ("after", 300, True)],
)
async def test_the_policy_of_the_state_decides_about_renewal(
    clock: Clock, renew: Renewal, waited: float, *, replaced: bool
) -> None:
    async with playing(SimulatorState(APP_ID, APP_SECRET, now=clock, renew=renew)) as simulator:
        first = await simulator.sign_in()
        clock.time += waited

        assert ((await simulator.sign_in())["session_key"] != first["session_key"]) is replaced


async def test_one_login_may_overrule_the_policy_either_way(simulator: Simulator, clock: Clock) -> None:
    first = await simulator.sign_in()
    renewed = await simulator.sign_in(renewSessionKey=True)
    clock.time += 1000
    kept = await simulator.sign_in(renewSessionKey=False)

    assert first["session_key"] != renewed["session_key"] == kept["session_key"]


async def test_the_key_changes_at_wx_login_and_any_code_brings_the_new_one(simulator: Simulator) -> None:
    first = await simulator.sign_in()
    earlier = await simulator.login()
    later = await simulator.login(renewSessionKey=True)

    # The new code was not exchanged, and still the old key is dead.
    assert (await ask(simulator, "/wxa/checksession", first))["errcode"] == 87009
    by_earlier, by_later = await simulator.code2session(earlier), await simulator.code2session(later)
    assert by_earlier["session_key"] == by_later["session_key"] != first["session_key"]


async def test_checksession_agrees_with_the_vector(simulator: Simulator) -> None:
    vector = next(vector for vector in VECTORS["made_up"] if vector["id"] == "syn-checksession")
    session = await simulator.sign_in()
    simulator.state.session_keys.put("alice", vector["session_key"])

    assert (await ask(simulator, "/wxa/checksession", session, signature=vector["signature"])) == {
        "errcode": 0,
        "errmsg": "ok",
    }


@pytest.mark.parametrize("path", ["/wxa/checksession", "/wxa/resetusersessionkey"])
@pytest.mark.parametrize(
    ("changes", "errcode", "words"),
    [
        ({"openid": None}, 40003, "invalid openid rid: "),
        ({"openid": "o" * 28}, 40003, "invalid openid rid: "),
        ({"sig_method": None}, 87008, "invalid sig_method rid: "),
        ({"sig_method": "sha1"}, 87008, "invalid sig_method rid: "),
        ({"signature": None}, 87009, "invalid signature rid: "),
        ({"signature": "0" * 64}, 87009, "invalid signature rid: "),
        ({"signature": "钥"}, 87009, "invalid signature rid: "),
        ({"access_token": None}, 41001, "access_token missing rid: "),
        ({"access_token": "99_unknown"}, 40001, "invalid credential, access_token is invalid or not latest, could get"),
    ],
)
async def test_a_wrong_parameter_has_its_errcode_and_changes_nothing(
    simulator: Simulator, path: str, changes: dict[str, str | None], errcode: int, words: str
) -> None:
    session = await simulator.sign_in()

    answer = await ask(simulator, path, session, **changes)

    assert answer["errcode"] == errcode
    assert answer["errmsg"].startswith(words)
    assert (await ask(simulator, "/wxa/checksession", session))["errcode"] == 0


async def test_checksession_wants_get(simulator: Simulator) -> None:
    assert (await simulator.post("/wxa/checksession", {}))["errcode"] == 43001


async def test_a_reset_gives_a_new_key_and_kills_the_old_one(simulator: Simulator) -> None:
    session = await simulator.sign_in()

    answer = await ask(simulator, "/wxa/resetusersessionkey", session)

    assert answer == {
        "errcode": 0,
        "errmsg": "ok",
        "openid": session["openid"],
        "session_key": answer["session_key"],
    }
    assert answer["session_key"] != session["session_key"]
    assert (await ask(simulator, "/wxa/checksession", session))["errcode"] == 87009
    assert (await ask(simulator, "/wxa/checksession", answer))["errcode"] == 0


async def test_a_reset_key_inherits_the_end_of_the_old_one(simulator: Simulator, clock: Clock) -> None:
    session = await simulator.sign_in()
    clock.time += 2 * 86400
    reset = await ask(simulator, "/wxa/resetusersessionkey", session)
    clock.time += 86400 - 1
    assert (await ask(simulator, "/wxa/checksession", reset))["errcode"] == 0
    clock.time += 1
    assert (await ask(simulator, "/wxa/checksession", reset))["errcode"] == 87009


async def test_wx_check_session_holds_from_a_login_to_the_end_of_the_key(simulator: Simulator, clock: Clock) -> None:
    failed = {"errMsg": "checkSession:fail session time out, need relogin"}
    assert await simulator.phone("check-session", user="alice") == failed
    await simulator.login()
    assert await simulator.phone("check-session", user="alice") == {"errMsg": "checkSession:ok"}
    clock.time += 3 * 86400
    assert await simulator.phone("check-session", user="alice") == failed


async def test_an_expired_key_fails_on_both_sides_until_the_next_login(simulator: Simulator) -> None:
    session = await simulator.sign_in()

    assert await simulator.phone("expire-session-key", user="alice") == {"errMsg": "expireSessionKey:ok"}

    assert "fail" in (await simulator.phone("check-session", user="alice"))["errMsg"]
    assert (await ask(simulator, "/wxa/checksession", session))["errcode"] == 87009
    again = await simulator.sign_in()
    assert again["session_key"] != session["session_key"]
    assert (await ask(simulator, "/wxa/checksession", again))["errcode"] == 0
    assert (await simulator.phone("check-session", user="alice"))["errMsg"] == "checkSession:ok"


async def test_users_have_keys_of_their_own(simulator: Simulator) -> None:
    alice = await simulator.sign_in("alice")
    bob = await simulator.sign_in("bob", renewSessionKey=True)

    assert alice["session_key"] != bob["session_key"]
    assert (await ask(simulator, "/wxa/checksession", alice))["errcode"] == 0


async def test_a_code_brings_the_key_that_is_valid_at_its_exchange(simulator: Simulator) -> None:
    code = await simulator.login()
    await simulator.phone("expire-session-key", user="alice")

    session = await simulator.code2session(code)

    assert (await ask(simulator, "/wxa/checksession", session))["errcode"] == 0
    assert (await simulator.phone("check-session", user="alice"))["errMsg"] == "checkSession:ok"
    assert (await simulator.sign_in())["session_key"] == session["session_key"]


async def test_a_chosen_openid_replaces_the_derived_one(simulator: Simulator) -> None:
    derived = await simulator.sign_in()
    simulator.state.users.get("alice", openid="oSYNTHETIC0000000000000user1")
    chosen = await simulator.sign_in()

    assert chosen["openid"] == "oSYNTHETIC0000000000000user1"
    assert (await ask(simulator, "/wxa/checksession", chosen))["errcode"] == 0
    assert (await ask(simulator, "/wxa/checksession", derived))["errcode"] == 40003
