"""Where faults are ordered, listed and cleared over HTTP."""

from graph.simulator.body import Body
from graph.simulator.endpoints import ENDPOINTS
from graph.simulator.errors import Misplayed
from graph.simulator.faults import KINDS, Fault
from graph.simulator.state import SimulatorState

_FIELDS = frozenset({"kind", "path", "times", "errcode", "errmsg", "seconds", "size", "carriedOut"})


def order(state: SimulatorState, body: Body) -> dict[str, object]:
    """`times` is 1 when absent, and null for a fault that stays until it is cleared."""
    body.allow(_FIELDS)
    kind = body.choice("kind", KINDS)
    if kind is None:
        message = f"kind is needed: one of {', '.join(KINDS)}"
        raise Misplayed(message)
    path = body.text("path")
    if path is not None and path not in ENDPOINTS:
        message = f"path must be one of {', '.join(ENDPOINTS)}, or absent for all"
        raise Misplayed(message)
    usual = Fault(kind)
    errcode, seconds, size, times = (
        body.whole("errcode"),
        body.number("seconds"),
        body.whole("size"),
        body.whole("times"),
    )
    state.faults.add(
        Fault(
            kind,
            path=path,
            times=None if body.is_null("times") else usual.times if times is None else times,
            errcode=usual.errcode if errcode is None else errcode,
            errmsg=body.text("errmsg"),
            seconds=usual.seconds if seconds is None else seconds,
            size=usual.size if size is None else size,
            carried_out=bool(body.flag("carriedOut")),
        )
    )
    return listing(state)


def clear(state: SimulatorState) -> dict[str, object]:
    state.faults.clear()
    return listing(state)


def listing(state: SimulatorState) -> dict[str, object]:
    return {
        "errMsg": "faults:ok",
        "faults": [
            {
                "kind": fault.kind,
                "path": fault.path,
                "times": left,
                "errcode": fault.errcode,
                "errmsg": fault.errmsg,
                "seconds": fault.seconds,
                "size": fault.size,
                "carriedOut": fault.carried_out,
            }
            for fault, left in state.faults.standing()
        ],
    }
