"""Well-formed requests whose documents are meant to cost the server more than the client."""

from typing import Final

from tests.http.barrage.shots import CANARY, CODE, LOGIN, Shot, document, post

PARSE: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION: Final = "GRAPHQL_VALIDATION_FAILED"
LARGE: Final = "DOCUMENT_TOO_LARGE"
INPUT: Final = "BAD_USER_INPUT"


def fan_out(levels: int, *, spreads: int = 2, end: str = "me { id }") -> str:
    """A query whose last fragment is reached by `spreads` to the power of `levels` ways."""
    links = "".join(f"fragment F{level} on Query{{{f'...F{level + 1} ' * spreads}}}" for level in range(levels))
    return f"{{...F0}}{links}fragment F{levels} on Query{{{end}}}"


# All within 400 tokens, and each a power of what a server could do that follows every way.
FAN_OUTS: Final = {
    "38 levels": fan_out(38),
    "14 levels, 9 ways each": fan_out(14, spreads=9),
    "data": "{me{...F0}}"
    + "".join(f"fragment F{n} on User{{...F{n + 1} ...F{n + 1}}}" for n in range(14))
    + "fragment F14 on User{id}",
}
# Without a field they are not large; validation, which goes each way once, finds that they lead nowhere.
FAN_OUTS_TO_NOTHING: Final = {
    "nothing": fan_out(14, spreads=9, end="...Nowhere"),
    "a circle": fan_out(14, spreads=9, end="...F0"),
}
HOSTILE: Final[dict[str, tuple[str, str | None]]] = {
    "80 levels of fragments": (fan_out(80), PARSE),
    "2,000 aliases": ("{" + " ".join(f"a{n}:__typename" for n in range(2000)) + "}", PARSE),
    "101 aliases of __typename": ("{" + " ".join(f"a{n}:__typename" for n in range(101)) + "}", LARGE),
    "1,000 fields": ("{" + "me{id}" * 1000 + "}", PARSE),
    "150 directives": ("{me{id " + "@x" * 150 + "}}", LARGE),
    "1,000 levels": ("{me" * 1000 + "}" * 1000, PARSE),
    "130 levels": ("{me" * 130 + "}" * 130, LARGE),
    "1,000 levels of lists": (f"mutation{{login(code:{'[' * 1000}{']' * 1000}){{token}}}}", PARSE),
    "180 levels of lists": (f"mutation{{login(code:{'[' * 180}{']' * 180}){{token}}}}", VALIDATION),
    "30 KB of blanks": (f"{{{CANARY}:__typename}}" + " " * 30_000, PARSE),
    "30 KB of comments": (f"{{{CANARY}:__typename}}" + "#\n" * 15_000, PARSE),
    "30 KB in one text": (f'{{me(a:"{CANARY}{"x" * 30_000}"){{id}}}}', PARSE),
    "40 operations": (" ".join(f"query Q{n}{{a:__typename}}" for n in range(40)), LARGE),
    "a circle": ("{...A} fragment A on Query{...B} fragment B on Query{...A}", VALIDATION),
    "an unknown fragment": (f"{{...{CANARY}}}", VALIDATION),
    "a selection of no field": ("{ me { } }", None),
    "a selection of nothing": ("{ { me { id } } }", PARSE),
    "the schema": ("{__schema{types{name fields{name type{name ofType{name}}}}}}", VALIDATION),
    "a type of the schema": ('{__type(name:"User"){fields{name}}}', VALIDATION),
    "a misspelt field": ("mutation{login(cod:1){tokn}}", VALIDATION),
    "a subscription": (f"subscription {CANARY}{{me{{id}}}}", VALIDATION),
    "two operations without a name": (
        f"query A{{__typename}} query {CANARY}{{__typename}}",
        "OPERATION_RESOLUTION_FAILURE",
    ),
    "two logins without a name": (
        f"{LOGIN.replace('mutation', 'mutation A')} {LOGIN.replace('mutation', 'mutation B')}",
        "OPERATION_RESOLUTION_FAILURE",
    ),
    "two logins": (f'mutation{{a:login(code:"{CODE}"){{token}} b:login(code:"{CODE}"){{token}}}}', LARGE),
    "20 logins": ("mutation{" + " ".join(f'l{n}:login(code:"{CODE}"){{token}}' for n in range(20)) + "}", LARGE),
    "20 logins in a fragment": (
        "mutation{...F}fragment F on Mutation{"
        + " ".join(f'l{n}:login(code:"{CODE}"){{token}}' for n in range(20))
        + "}",
        LARGE,
    ),
    "5,000 digits": (f"{{me{{id @include(if:{'9' * 5000})}}}}", VALIDATION),
    "5,000 digits and a point": (f"mutation{{login(code:{'9' * 5000}.5){{token}}}}", VALIDATION),
    "NUL": (f"{{{CANARY}:__typename\0}}", PARSE),
    "half a pair, escaped once more": ('mutation{login(code:"\\ud800"){token}}', PARSE),
    "byte order marks within": ("{me\ufeff\ufeff{\ufeffid}}", None),
    "a login with NUL": ('mutation{login(code:"\\u0000' + CANARY + '"){token}}', "LOGIN_CODE_INVALID"),
}


def _shot(name: str, query: str, code: str | None, variables: object = None) -> Shot:
    return Shot(name, post(document(query, variables)), 200, code)


_WITH_VARIABLE: Final = "mutation($code:String!){login(code:$code){token}}"

DOCUMENTS: Final = [
    *[_shot(f"a fan-out into {name}", query, LARGE) for name, query in FAN_OUTS.items()],
    *[_shot(f"a fan-out into {name}", query, VALIDATION) for name, query in FAN_OUTS_TO_NOTHING.items()],
    *[_shot(name, query, code) for name, (query, code) in HOSTILE.items()],
    _shot("a variable that is a number", _WITH_VARIABLE, INPUT, {"code": 10**18}),
    _shot("a variable that is a list", _WITH_VARIABLE, INPUT, {"code": [CODE] * 100}),
    _shot("a variable that is missing", _WITH_VARIABLE, INPUT, {CANARY: CODE}),
    _shot("5,000 variables", _WITH_VARIABLE, INPUT, dict.fromkeys(map(str, range(5000)), 1)),
]
