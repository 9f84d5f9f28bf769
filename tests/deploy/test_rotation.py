"""A new encryption key takes over on live replicas, step by step as `wxgate keys --help` says."""

from collections.abc import Callable
from typing import Any, Final

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import invoke
from tests.deploy.proxy import Proxy
from tests.deploy.replicas import Replica
from tests.deploy.users import Crowd, roll
from tests.server import ENCRYPTION_KEYS, K2, LOGIN, SUBMIT

CROWD: Final = 6
EARLY: Final = [f"early-{number}" for number in range(5)]


def test_a_key_is_replaced_under_load_without_losing_a_request_or_a_session_key(
    crowd: Crowd,
    proxy: Proxy,
    replicas: tuple[Replica, Replica],
    wechat_simulator: WeChatSimulator,
    database_url: str,
    record_property: Callable[[str, object], None],
) -> None:
    def post(query: str, variables: dict[str, Any], token: str = "") -> Any:
        with proxy.client() as http:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return http.post("/graphql", json={"query": query, "variables": variables}, headers=headers).json()["data"]

    def keys(*arguments: str, ring: str) -> str:
        done = invoke("keys", *arguments, WXGATE_DATABASE_URL=database_url, WXGATE_ENCRYPTION_KEYS=ring)
        assert done.exit_code == 0, done.output
        return done.output

    tokens = {person: post(LOGIN, {"code": wechat_simulator.login(person)})["login"]["token"] for person in EARLY}
    needed = f"{len(EARLY)} accounts, {len(EARLY)} sessions, 0 phone numbers"
    assert keys("list", ring=ENCRYPTION_KEYS) == f"k1  encrypts  {needed}\n"

    with crowd.at_work(CROWD):
        roll(replicas, crowd, WXGATE_ENCRYPTION_KEYS=f"{ENCRYPTION_KEYS},{K2}")
        roll(replicas, crowd, WXGATE_ENCRYPTION_KEYS=f"{K2},{ENCRYPTION_KEYS}")
        rotated = keys("rotate", ring=f"{K2},{ENCRYPTION_KEYS}")
        keys("forget", "k1", ring=K2)
        roll(replicas, crowd, WXGATE_ENCRYPTION_KEYS=K2)

    record_property("a key replaced under load", f"{crowd.counts()}; {rotated.strip()}")
    assert crowd.lost() == []
    assert "0 unreadable" in rotated
    assert "signed anew, 0 refused, 0 deleted\n" in rotated
    assert keys("list", ring=K2).startswith(f"k2  encrypts  {len(EARLY) + CROWD} accounts, ")
    assert keys("list", ring=K2).count("\n") == 1
    # Nobody of these has logged in again: what their phones sign with is what the server kept.
    for person, token in tokens.items():
        submission = wechat_simulator.user_info(person, policy="old", nickName=person)
        assert post(SUBMIT, submission, token)["submitUserInfo"]["nickName"] == person
