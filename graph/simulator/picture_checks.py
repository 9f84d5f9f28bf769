"""Checks of pictures: asked for by the server, done in the background, reported to it by an event."""

import asyncio
from typing import Final

from graph.simulator.apps import SimulatedApp
from graph.simulator.pictures import PictureCheck, PictureVerdict, judged
from graph.simulator.push import Event, deliver
from graph.simulator.state import SimulatorState
from graph.simulator.users import User

# Of an app: of those before them nothing more can be asked.
MAX_CHECKS: Final = 1000
EVENT: Final = "wxa_media_check"


def start(state: SimulatorState, app: SimulatedApp, user: User, url: str) -> PictureCheck:
    """A check whose event will be sent `check_delay` seconds after its verdict, unless another verdict is given."""
    check = PictureCheck(state.fakes.rid(state.clock()), user.account.name, url)
    checks = app.picture_checks
    checks[check.trace_id] = check
    while len(checks) > MAX_CHECKS:
        del checks[next(iter(checks))]
    check.task = asyncio.create_task(_report(state, app, check))
    return check


def decide(check: PictureCheck, verdict: PictureVerdict) -> None:
    """A verdict in place of the one that is awaited. Where that was sent, the next event brings another."""
    if check.verdict is None and check.task is not None:
        check.task.cancel()
    check.verdict = verdict


def event_of(state: SimulatorState, check: PictureCheck, verdict: PictureVerdict) -> Event:
    """The event, as version 2 has it. It names no user."""
    more: dict[str, object] = {"trace_id": check.trace_id, "version": 2}
    if verdict.suggest is None:
        more |= {"errcode": verdict.errcode, "errmsg": "download failed"}
    else:
        result = {"suggest": verdict.suggest, "label": verdict.label}
        detail = [{"strategy": "content_model", "errcode": 0, **result, "prob": 90}]
        more |= {"detail": detail, "errcode": verdict.errcode, "errmsg": "ok", "result": result}
    return Event(name=EVENT, created_at=int(state.clock()), openid=None, more=more, user=check.user)


async def _report(state: SimulatorState, app: SimulatedApp, check: PictureCheck) -> None:
    verdict = await judged(check.url)
    await asyncio.sleep(app.push.check_delay)
    check.verdict = verdict
    await deliver(app.push, event_of(state, check, verdict), state.fakes, state.clock, state.journal)
