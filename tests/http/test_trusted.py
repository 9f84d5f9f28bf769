"""Documents that are asked for by their ids, in the ways of GraphQL over HTTP and of Apollo's and urql's clients."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from graph.settings import Settings, TrustedSettings
from graph.simulator.serving import WeChatSimulator
from tests.http.answers import assert_safe, refusal
from tests.server import Clock, TestServer, open_server

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PERSISTED: Final = Path(__file__).parents[1] / "schema" / "persisted-documents.json"
DOCUMENTS: Final[dict[str, str]] = json.loads(PERSISTED.read_text("utf-8"))
ME, LOGIN, EITHER = DOCUMENTS
UNKNOWN: Final = hashlib.sha256(b"another client's document").hexdigest()
OWN_TEXT: Final = "{ mine: __typename }"
NEWER_TYPE: Final = {"Accept": "application/graphql-response+json"}

Members = Mapping[str, object]


@pytest.fixture(params=[False])
async def trusting(
    request: pytest.FixtureRequest,
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
) -> AsyncIterator[TestServer]:
    """A server with trusted documents; `only_trusted` makes it one that runs nothing else."""
    trusted = TrustedSettings(documents=PERSISTED, documents_only=request.param)
    async with open_server(settings.model_copy(update={"trusted": trusted}), wechat_simulator, clock) as opened:
        yield opened


only_trusted = pytest.mark.parametrize("trusting", [True], indirect=True)
whether_only_or_not = pytest.mark.parametrize("trusting", [False, True], indirect=True)


def persisted(digest: object, version: object = 1) -> dict[str, Any]:
    """The extensions by which Apollo's and urql's clients name a document."""
    return {"persistedQuery": {"version": version, "sha256Hash": digest}}


async def by_post(server: TestServer, members: Members, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return await server.http.post("/graphql", json=members, headers=headers)


async def by_get(server: TestServer, members: Members, headers: Mapping[str, str] | None = None) -> httpx.Response:
    parameters = {name: value if isinstance(value, str) else json.dumps(value) for name, value in members.items()}
    return await server.http.get("/graphql", params=parameters, headers=headers)


async def error_of(server: TestServer, members: Members) -> tuple[str, str]:
    """Code and message of a request that is refused by GraphQL, alike by POST and GET and for either media type."""
    found = set()
    for ask in (by_post, by_get):
        for headers, status in ((None, 200), (NEWER_TYPE, 400)):
            response = await ask(server, members, headers)
            assert response.status_code == status, response.text
            assert_safe(response)
            assert response.json().keys() == {"errors"}
            [error] = response.json()["errors"]
            assert error.keys() == {"message", "extensions"}
            assert error["extensions"] | {"code": "", "requestId": ""} == {
                "code": "",
                "action": "FIX_REQUEST",
                "retryable": False,
                "requestId": "",
            }
            found.add((str(error["extensions"]["code"]), str(error["message"])))
    [one] = found
    return one


async def is_malformed(server: TestServer, members: Members) -> str:
    """The message of a request that is none, alike by POST and GET."""
    for ask in (by_get, by_post):
        response = await ask(server, members)
        assert refusal(response, 400) == "BAD_REQUEST", members
    return str(response.json()["errors"][0]["message"])


@whether_only_or_not
async def test_a_person_logs_in_by_ids_alone(trusting: TestServer) -> None:
    login = await by_post(trusting, {"documentId": LOGIN, "variables": {"code": trusting.wechat.login("alice")}})
    assert login.status_code == 200
    payload = login.json()["data"]["login"]
    bearer = {"Authorization": f"Bearer {payload['token']}"}
    for ask in (by_post, by_get):
        for members in ({"documentId": ME}, {"extensions": persisted(ME)}):
            answer = await ask(trusting, members, bearer)
            assert answer.json() == {"data": {"me": payload["user"]}}
            assert_safe(answer)


@whether_only_or_not
@pytest.mark.parametrize("query", [{}, {"query": None}])
async def test_an_id_may_name_its_algorithm(trusting: TestServer, query: dict[str, None]) -> None:
    named: list[Members] = [{"documentId": f"sha1:{ME}"}, {"extensions": persisted(f"sha1:{ME}")}]
    for members in named:
        assert (await by_post(trusting, {**query, **members})).json() == {"data": {"me": None}}


@whether_only_or_not
async def test_a_document_may_be_named_twice_but_not_differently(trusting: TestServer) -> None:
    for ask in (by_post, by_get):
        for document_id in (ME, f"sha1:{ME}"):
            twice = {"documentId": document_id, "extensions": persisted(ME)}
            assert (await ask(trusting, twice)).json() == {"data": {"me": None}}
    for digest in (EITHER, UNKNOWN, "", f"sha256:{ME}"):
        differently = {"documentId": f"sha1:{ME}", "extensions": persisted(digest)}
        assert "different documents" in await is_malformed(trusting, differently)


@whether_only_or_not
async def test_an_operation_of_several_is_chosen_by_its_name(trusting: TestServer) -> None:
    headers = {"Authorization": f"Bearer {await token(trusting)}"}
    answer = await by_get(trusting, {"documentId": EITHER, "operationName": "IsSomeone"}, headers)
    assert answer.json() == {"data": {"me": {"isAnonymous": True}}}
    for members in ({"documentId": EITHER}, {"documentId": EITHER, "operationName": "IsNobody"}):
        code, _ = await error_of(trusting, members)
        assert code == "OPERATION_RESOLUTION_FAILURE"


async def token(server: TestServer) -> str:
    members = {"documentId": LOGIN, "variables": {"code": server.wechat.login("bob")}}
    return str((await by_post(server, members)).json()["data"]["login"]["token"])


@whether_only_or_not
async def test_the_variables_of_a_trusted_document_are_not_trusted(trusting: TestServer) -> None:
    for variables in ({}, {"code": None}, {"code": 7}, {"code": ["x"]}):
        answer = (await by_post(trusting, {"documentId": LOGIN, "variables": variables})).json()
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


@whether_only_or_not
async def test_an_unknown_id_is_not_found_in_the_words_that_clients_look_for(trusting: TestServer) -> None:
    for unknown in (UNKNOWN, f"sha512:{ME}", ME.upper(), ME[:-1], "", DOCUMENTS[ME]):
        for members in ({"documentId": unknown}, {"extensions": persisted(unknown)}):
            assert await error_of(trusting, members) == ("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")


async def test_a_server_without_trusted_documents_says_so_in_the_words_that_clients_look_for(
    server: TestServer,
) -> None:
    for members in ({"documentId": ME}, {"documentId": ""}, {"extensions": persisted(ME)}):
        assert await error_of(server, members) == ("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
        # And the client sends its document after all.
        assert (await by_post(server, {**members, "query": OWN_TEXT})).json() == {"data": {"mine": "Query"}}


async def test_a_client_that_missed_sends_its_document_and_the_server_does_not_learn_it(trusting: TestServer) -> None:
    for ask in (by_post, by_get):
        for named in ({"documentId": UNKNOWN}, {"extensions": persisted(UNKNOWN)}):
            assert (await error_of(trusting, named))[0] == "PERSISTED_QUERY_NOT_FOUND"
            answer = await ask(trusting, {**named, "query": OWN_TEXT})
            assert answer.json() == {"data": {"mine": "Query"}}
    assert (await error_of(trusting, {"documentId": UNKNOWN}))[0] == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_document_without_an_id_runs_beside_trusted_ones(trusting: TestServer) -> None:
    for members in ({"query": OWN_TEXT}, {"query": OWN_TEXT, "extensions": {"persistedQuery": None}}):
        assert (await by_post(trusting, members)).json() == {"data": {"mine": "Query"}}
    too_large = 'mutation { a: login(code: "x") { token } b: login(code: "y") { token } }'
    assert await trusting.code_of_error(too_large) == "DOCUMENT_TOO_LARGE"


@whether_only_or_not
async def test_a_known_id_runs_with_its_own_text_and_with_no_other(trusting: TestServer) -> None:
    for named in ({"documentId": ME}, {"extensions": persisted(ME)}):
        for ask in (by_post, by_get):
            answer = await ask(trusting, {**named, "query": DOCUMENTS[ME]})
            assert answer.json() == {"data": {"me": None}}
        for other in (OWN_TEXT, DOCUMENTS[EITHER], f"{DOCUMENTS[ME]} ", "", "{"):
            assert (
                await is_malformed(trusting, {**named, "query": other}) == "The document of this id has another text."
            )


@only_trusted
async def test_where_only_trusted_documents_run_no_text_does(trusting: TestServer) -> None:
    for text in (OWN_TEXT, "{ __schema { queryType { name } } }", "{", "", "{ nobody }", *DOCUMENTS.values()):
        code, message = await error_of(trusting, {"query": text})
        assert code == "PERSISTED_QUERY_ID_REQUIRED", text
        assert message == "This server runs trusted documents only: name one by documentId."
    for named in ({"documentId": UNKNOWN}, {"extensions": persisted(UNKNOWN)}):
        for text in (OWN_TEXT, DOCUMENTS[ME]):
            code, _ = await error_of(trusting, {**named, "query": text})
            assert code == "PERSISTED_QUERY_NOT_FOUND"


@only_trusted
async def test_a_login_by_text_spends_no_code_where_only_trusted_documents_run(trusting: TestServer) -> None:
    code = trusting.wechat.login("alice")
    for named in ({}, {"documentId": UNKNOWN}):
        answer = await by_post(trusting, {**named, "query": DOCUMENTS[LOGIN], "variables": {"code": code}})
        assert answer.json().keys() == {"errors"}
    answer = await by_post(trusting, {"documentId": LOGIN, "variables": {"code": code}})
    assert answer.json()["data"]["login"]["isNewUser"]


@whether_only_or_not
async def test_a_trusted_mutation_goes_by_post_only(trusting: TestServer) -> None:
    variables = {"code": trusting.wechat.login("alice")}
    for named in ({"documentId": LOGIN}, {"extensions": persisted(LOGIN)}):
        response = await by_get(trusting, {**named, "variables": variables})
        assert refusal(response, 405) == "METHOD_NOT_ALLOWED"
        assert response.headers["allow"] == "POST"
    head = await trusting.http.head(f"/graphql?documentId={LOGIN}")
    assert head.status_code == 405
    # And none of them has spent the code.
    answer = await by_post(trusting, {"documentId": LOGIN, "variables": variables})
    assert answer.json()["data"]["login"]["isNewUser"]


@whether_only_or_not
@pytest.mark.parametrize("query", [{}, {"query": OWN_TEXT}])
async def test_what_names_a_document_has_its_type(trusting: TestServer, query: dict[str, str]) -> None:
    kinds = {int: "a number", bool: "a boolean", list: "an array", dict: "an object"}
    ids: list[object] = [1, True, [], {}, [ME]]
    for value in ids:
        response = await by_post(trusting, {**query, "documentId": value})
        assert refusal(response, 400) == "BAD_REQUEST", value
        assert (
            response.json()["errors"][0]["message"] == f"The member documentId must be text, not {kinds[type(value)]}."
        )
    extensions: list[object] = [ME, 1, True, [], {}, {"version": 1}, {"version": 1, "sha256Hash": None}]
    for persisted_query in extensions:
        members = {**query, "extensions": {"persistedQuery": persisted_query}}
        assert "must be an object with a sha256Hash as text" in await is_malformed(trusting, members), persisted_query
    for digest in ids:
        message = await is_malformed(trusting, {**query, "extensions": persisted(digest)})
        assert "must be an object with a sha256Hash as text" in message, digest
    for version in (0, 2, "1", True, None, [1], 1.5):
        message = await is_malformed(trusting, {**query, "extensions": persisted(ME, version)})
        assert "must be of version 1" in message, version
    response = await trusting.http.get(f"/graphql?documentId={ME}&documentId={ME}")
    assert refusal(response, 400) == "BAD_REQUEST"


@whether_only_or_not
async def test_a_request_that_names_nothing_and_sends_nothing_is_refused(trusting: TestServer) -> None:
    nothing: list[Members] = [{}, {"extensions": {}}, {"variables": {}}]
    for members in nothing:
        assert await is_malformed(trusting, members) == "The member query must be a GraphQL document as text."
    response = await by_post(trusting, {"query": None, "documentId": None, "extensions": None})
    assert refusal(response, 400) == "BAD_REQUEST"


@whether_only_or_not
async def test_a_document_beside_an_id_is_text(trusting: TestServer) -> None:
    wrong: list[object] = [7, True, [DOCUMENTS[ME]], {}]
    for query in wrong:
        for document_id in (ME, UNKNOWN):
            response = await by_post(trusting, {"documentId": document_id, "query": query})
            assert refusal(response, 400) == "BAD_REQUEST", query
            message = response.json()["errors"][0]["message"]
            assert message.startswith("The member query must be a GraphQL document as text, not ")
