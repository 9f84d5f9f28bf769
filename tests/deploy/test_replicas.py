"""Two replicas behind nginx under load: what it costs to restart them, and to lose one."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, Final

import pytest

from graph.simulator.faults import Fault
from graph.simulator.serving import WeChatSimulator
from tests.deploy.proxy import Proxy
from tests.deploy.replicas import Replica
from tests.deploy.users import PATIENCE, Crowd, roll
from tests.secret_patterns import secrets_in
from tests.server import LOGIN

CROWD: Final = 10


def test_a_rolling_restart_under_load_loses_no_request(
    crowd: Crowd, replicas: tuple[Replica, Replica], record_property: Callable[[str, object], None]
) -> None:
    with crowd.at_work(CROWD):
        crowd.await_more(200)
        roll(replicas, crowd)

    record_property("a rolling restart of both replicas", crowd.counts())
    assert crowd.lost() == []
    for replica in replicas:
        printed = replica.printed()
        assert printed.count('"draining"') == 1
        assert len(re.findall('"path": ?"/graphql"', printed)) > 100
        # nginx's ids have as many digits as an AppSecret.
        assert secrets_in(re.sub('"request_id": ?"[0-9a-f]+"', "", printed)) == []
        assert "Traceback" not in printed


def test_a_replica_that_is_killed_under_load_takes_only_what_it_was_at_work_on(
    crowd: Crowd, replicas: tuple[Replica, Replica], record_property: Callable[[str, object], None]
) -> None:
    with crowd.at_work(CROWD):
        crowd.await_more(200)
        began = time.monotonic()
        replicas[0].kill()
        gone = time.monotonic()
        crowd.await_more(200)
        replicas[0].start()
        crowd.await_more(200)

    lost = crowd.lost()
    in_flight = [outcome for outcome in crowd.outcomes if outcome.began_at <= gone and outcome.ended_at >= began]
    record_property("kill -9 of one replica", f"{crowd.counts()}, of {len(in_flight)} in flight {len(lost)} lost")
    assert [outcome for outcome in lost if outcome not in in_flight] == []
    # Told in the server's own words, also where it could not say them itself.
    assert {outcome.result for outcome in lost} <= {"SERVICE_UNAVAILABLE"}
    # A login that was sent twice would have found its code spent.
    assert "LOGIN_CODE_USED" not in str(crowd.counts())


def test_a_login_that_dies_with_its_replica_is_not_sent_to_the_other(
    proxy: Proxy, replicas: tuple[Replica, Replica], wechat_simulator: WeChatSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults, asked, times = wechat_simulator.state.faults, Event(), []
    take = faults.take

    def noticed(path: str, app_id: str | None) -> Fault | None:
        if path == "/sns/jscode2session":
            times.append(path)
            asked.set()
        return take(path, app_id)

    monkeypatch.setattr(faults, "take", noticed)
    code = wechat_simulator.login("alice")
    wechat_simulator.fail("hang", path="/sns/jscode2session", times=None)

    def log_in() -> Any:
        with proxy.client() as http:
            return http.post("/graphql", json={"query": LOGIN, "variables": {"code": code}})

    with ThreadPoolExecutor(1) as elsewhere:
        first, second = replicas
        second.kill()  # so that the first gets it
        answer = elsewhere.submit(log_in)
        assert asked.wait(PATIENCE)
        second.start()
        calls = times.copy()  # of the first, which may have tried again
        first.kill()
        refused = answer.result(PATIENCE)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        [error] = refused.json()["errors"]
        assert (error["extensions"]["code"], error["extensions"]["action"]) == ("SERVICE_UNAVAILABLE", "WAIT")
        assert times == calls

        # What was not sent anywhere is not lost: the other replica serves the next login at once.
        wechat_simulator.heal()
        code = wechat_simulator.login("alice")
        assert elsewhere.submit(log_in).result(PATIENCE).json()["data"]["login"]["token"]
