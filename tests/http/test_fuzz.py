"""schemathesis asks a real server, on a socket, whatever fits schema.graphql or just misses it."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx
import pytest
import schemathesis
from graphql import ArgumentNode, StringValueNode, Visitor, parse, print_ast, visit
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import negative_data_rejection, response_schema_conformance

from graph.simulator.serving import WeChatSimulator, serve
from graph.simulator.state import SimulatorState
from models.migrate import migrate
from tests.http.fuzz_checks import CHECKS, SCHEMA_FILE, Case, errors_of
from tests.processes import serve_environment, serve_process
from tests.secret_patterns import secrets_in
from tests.server import APP_ID, APP_SECRET, LOGIN

CASES: Final = 200
# With neither arguments nor fields there is little to make up.
FEW: Final = {"Query.checkSession", "Mutation.logout", "Mutation.revokeOtherSessions"}
SCHEMA: Final = schemathesis.graphql.from_path(SCHEMA_FILE, config=schemathesis.Config())
OPERATIONS: Final = [operation for kind in SCHEMA for operation in SCHEMA[kind].values()]
# Its other checks are about OpenAPI, or take every code of ours that is none of Apollo's for a server's failure.
JUDGED_BY: Final = [response_schema_conformance, negative_data_rejection, *CHECKS]
CODE_SHOWN: Final = {"data", "LOGIN_CODE_INVALID", "CODE_OF_ANOTHER_PERSON", "GRAPHQL_VALIDATION_FAILED"}
# What some of the cases must have come to: the use cases were reached, and succeeded and failed for reasons of theirs.
OUTCOMES: Final = {
    ("Query.me", "anonymous"): {"null"},
    ("Query.me", "signed in"): {"data"},
    ("Query.checkSession", "anonymous"): {"UNAUTHENTICATED"},
    ("Query.checkSession", "signed in"): {"data"},
    ("Mutation.login", "anonymous"): {"data", "LOGIN_CODE_INVALID", "GRAPHQL_VALIDATION_FAILED"},
    ("Mutation.login", "signed in"): {"data", "LOGIN_CODE_INVALID", "GRAPHQL_VALIDATION_FAILED"},
    ("Mutation.submitUserInfo", "anonymous"): {"UNAUTHENTICATED", "GRAPHQL_VALIDATION_FAILED"},
    ("Mutation.submitUserInfo", "signed in"): {
        "data",
        "BAD_USER_INPUT",
        "SESSION_KEY_STALE",
        "DECRYPTION_FAILED",
        "GRAPHQL_VALIDATION_FAILED",
    },
    ("Mutation.updateProfile", "anonymous"): {"UNAUTHENTICATED", "GRAPHQL_VALIDATION_FAILED"},
    ("Mutation.updateProfile", "signed in"): {"data", "BAD_USER_INPUT", "NOT_ENABLED", "GRAPHQL_VALIDATION_FAILED"},
    ("Mutation.submitPhoneNumber", "anonymous"): {"UNAUTHENTICATED", "GRAPHQL_VALIDATION_FAILED"},
    ("Mutation.submitPhoneNumber", "signed in"): {
        "data",
        "BAD_USER_INPUT",
        "PHONE_CODE_INVALID",
        "GRAPHQL_VALIDATION_FAILED",
    },
    ("Mutation.submitEncryptedPhoneNumber", "anonymous"): {"UNAUTHENTICATED", "GRAPHQL_VALIDATION_FAILED"},
    ("Mutation.submitEncryptedPhoneNumber", "signed in"): {
        "data",
        "BAD_USER_INPUT",
        "SESSION_KEY_STALE",
        "GRAPHQL_VALIDATION_FAILED",
    },
    ("Mutation.removePhoneNumber", "anonymous"): {"UNAUTHENTICATED"},
    ("Mutation.removePhoneNumber", "signed in"): {"data"},
    ("Mutation.deleteMe", "anonymous"): {"UNAUTHENTICATED", "GRAPHQL_VALIDATION_FAILED"},
    ("Mutation.deleteMe", "signed in"): CODE_SHOWN,
    ("Mutation.exportMe", "anonymous"): {"UNAUTHENTICATED", "GRAPHQL_VALIDATION_FAILED"},
    ("Mutation.exportMe", "signed in"): CODE_SHOWN,
    ("Query.sessions", "anonymous"): {"UNAUTHENTICATED"},
    ("Query.sessions", "signed in"): {"data"},
    ("Mutation.logout", "anonymous"): {"data"},
    ("Mutation.logout", "signed in"): {"data"},
    ("Mutation.revokeSession", "anonymous"): {"UNAUTHENTICATED", "GRAPHQL_VALIDATION_FAILED"},
    ("Mutation.revokeSession", "signed in"): {"data", "BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"},
    ("Mutation.revokeOtherSessions", "anonymous"): {"UNAUTHENTICATED"},
    ("Mutation.revokeOtherSessions", "signed in"): {"data"},
}

Operation: TypeAlias = schemathesis.APIOperation[Any, Any, Any, Any]
# Arguments that a case takes from somebody's phone, for nothing that is made up gets past the first look at it.
Filling: TypeAlias = Mapping[str, str]
MADE_UP: Final[Filling] = {}
BY_LOGIN_CODE: Final = {"Mutation.login", "Mutation.deleteMe", "Mutation.exportMe"}
ENDS_THE_SESSION: Final = {"Mutation.login", "Mutation.logout", "Mutation.deleteMe"}
NO_SESSION: Final = "0" * 22
SUBMITTED: Final[Filling] = dict.fromkeys(("rawData", "signature", "encryptedData", "iv"), "alice")
# Taken in turn. The server looks a second long for the key of what another phone has signed: seldom is enough.
FILLINGS: Final[Mapping[str, list[Filling]]] = {
    **{operation.label: [MADE_UP] for operation in OPERATIONS},
    "Mutation.login": [MADE_UP, MADE_UP, {"code": "bob"}],
    "Mutation.submitUserInfo": [
        *[MADE_UP] * 6,
        *[SUBMITTED] * 3,
        *({name: person for name, person in SUBMITTED.items() if name != made_up} for made_up in SUBMITTED),
        {**SUBMITTED, "encryptedData": "carol"},
        dict.fromkeys(SUBMITTED, "carol"),
    ],
    "Mutation.submitPhoneNumber": [*[MADE_UP] * 6, {"code": "alice"}, {"code": "carol"}],
    "Mutation.submitEncryptedPhoneNumber": [
        *[MADE_UP] * 6,
        *({"encryptedData": "alice", "iv": person} for person in ("alice", "carol")),
        dict.fromkeys(("encryptedData", "iv"), "carol"),
    ],
    "Mutation.deleteMe": [*[MADE_UP] * 4, {"code": "alice"}, {"code": "carol"}],
    "Mutation.exportMe": [*[MADE_UP] * 4, {"code": "alice"}, {"code": "carol"}],
    "Mutation.revokeSession": [MADE_UP, {"id": "alice"}],
}


@dataclass
class Visitors:
    """Those who ask one server: nobody, or alice with a phone of her own."""

    url: str
    wechat: WeChatSimulator
    log: Path

    def sign_in(self) -> dict[str, str]:
        """The headers of alice, who has just signed in."""
        body = {"query": LOGIN, "variables": {"code": self.wechat.login("alice")}}
        answer = httpx.post(f"{self.url}/graphql", json=body, trust_env=False).json()
        return {"Authorization": f"Bearer {answer['data']['login']['token']}"}

    def values(self, filling: Filling, operation: str) -> dict[str, str]:
        """The arguments that a phone has for a request."""
        give = self.wechat.phone_number if "Phone" in operation else self.wechat.user_info
        real: dict[str, dict[str, str]] = {}
        for person in set(filling.values()):
            fresh = {"code": self.wechat.login(person)} if operation in BY_LOGIN_CODE else give(person)
            real[person] = {"id": NO_SESSION, **fresh}
        return {name: real[person][name] for name, person in filling.items()}


@pytest.fixture(scope="module")
def visitors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitors]:
    """One server for all cases, as in production; only WeChat is played."""
    directory = tmp_path_factory.mktemp("fuzz")
    database_url, log = f"sqlite://{directory / 'wxgate.db'}", directory / "serve.log"
    asyncio.run(migrate(database_url))
    with serve(SimulatorState(APP_ID, APP_SECRET, seed=0)) as wechat:
        # Without rate limits: two hundred cases an operation are more than any person would send.
        limits = ("LOGIN", "SUBMIT", "PHONE", "UPLOAD", "PRIVACY", "DOCUMENTS", "REFUSED_CODES")
        unlimited = {f"WXGATE_RATE_LIMIT_{what}": "" for what in limits}
        environment = serve_environment(wechat, database_url, WXGATE_LOG_LEVEL="DEBUG", **unlimited)
        with serve_process(environment, log) as url:
            for person in ("alice", "carol"):
                wechat.login(person)
            yield Visitors(url, wechat, log)


@pytest.mark.parametrize("identity", ["anonymous", "signed in"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_no_request_that_fits_or_misses_the_schema_upsets_the_server(
    visitors: Visitors, monkeypatch: pytest.MonkeyPatch, operation: Operation, identity: str
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    signed_in = identity == "signed in"
    headers = visitors.sign_in() if signed_in else {}
    fillings = cycle(FILLINGS[operation.label])
    outcomes: Counter[str] = Counter()

    @seed(20260131)
    @settings(
        max_examples=CASES,
        # Each case once, the same ones every time, however slow the machine is.
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.one_of([operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode]))
    def ask(case: Case) -> None:
        if case.meta is not None and case.meta.generation.mode.is_positive:
            case.body = filled(str(case.body), visitors.values(next(fillings), operation.label))
        answer = case.call_and_validate(f"{visitors.url}/graphql", headers=headers, checks=JUDGED_BY)
        outcome = outcome_of(answer)
        outcomes[outcome] += 1
        if signed_in and operation.label in ENDS_THE_SESSION and outcome == "data":
            # The token that came with it is superseded, or at its end.
            headers.update(visitors.sign_in())

    ask()

    assert outcomes.total() == CASES or operation.label in FEW
    assert outcomes.keys() >= OUTCOMES[operation.label, identity]
    log = visitors.log.read_text("utf-8")
    assert "Traceback" not in log
    assert "ERROR" not in log
    assert secrets_in(log) == []


def outcome_of(answer: schemathesis.Response) -> str:
    """The code of an answer's first error; without one, whether it found something."""
    for error in errors_of(answer):
        return str(error["extensions"]["code"])
    return "null" if answer.json()["data"] == {"me": None} else "data"


class _Phone(Visitor):
    """Puts the phone's values in the place of made-up ones."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__()
        self._values = values

    def enter_argument(self, node: ArgumentNode, *_: object) -> ArgumentNode | None:
        """Called by graphql-core for each argument; None leaves it as it is."""
        value = self._values.get(node.name.value)
        return None if value is None else ArgumentNode(name=node.name, value=StringValueNode(value=value, block=False))


def filled(document: str, values: Mapping[str, str]) -> str:
    """The document with some of its arguments as a phone would send them."""
    return print_ast(visit(parse(document), _Phone(values)))
