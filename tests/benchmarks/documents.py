"""What a hostile document costs the server, beside a plain `me`.

    python -m tests.benchmarks.documents [--repeat 20]

Each document goes to the executor itself, without HTTP and without anyone signed in; of its times the shortest counts.
The documents are those that the tests fire at a server, and the longest that are within every limit.
"""

import argparse
import asyncio
import time
from typing import Any, Final

from graph.execution.documents import Documents, GraphQLRequest
from graph.execution.executor import Executor
from graph.schema.build import build_schema, graphql_core_schema
from graph.schema.context import Context
from graph.schema.errors import coded
from tests.http.barrage.documents import FAN_OUTS, FAN_OUTS_TO_NOTHING, HOSTILE

PLAIN: Final = "{ me { id } }"
ALLOWED: Final = {
    "100 fields": "{me{" + "id " * 99 + "}}",
    "100 fields that could differ": "{" + "me{id}" * 50 + "}",
    "15 aliases of 6 fields": "{" + " ".join(f"a{n}:me{{id id id id id}}" for n in range(15)) + "}",
    "a fan-out of 64 ways": "{me{...F0}}"
    + "".join(f"fragment F{n} on User{{...F{n + 1} ...F{n + 1}}}" for n in range(6))
    + "fragment F6 on User{id}",
}


class _Nobody:
    """Services for requests without a token, which ask for none of them."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def fresh_executor() -> Executor:
    """One that has met no document yet, for a document that is kept costs next to nothing."""
    schema = graphql_core_schema(build_schema())
    return Executor(Documents(schema, introspection=False), coded)


async def milliseconds(query: str, repeat: int) -> tuple[float, str]:
    """The shortest time of a document, and the code of its answer."""
    times, code = [], ""
    for _ in range(repeat):
        executor = fresh_executor()
        context = Context(_Nobody(), None, str, str, str)  # type: ignore[arg-type]
        started = time.perf_counter()
        answer = await executor.execute(GraphQLRequest(query), context, request_id="benchmark")
        times.append(time.perf_counter() - started)
        code = answer.body["errors"][0]["extensions"]["code"] if "errors" in answer.body else "answered"
    return min(times) * 1000, code


async def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=20)
    repeat = parser.parse_args().repeat
    fan_outs = {f"a fan-out into {name}": query for name, query in {**FAN_OUTS, **FAN_OUTS_TO_NOTHING}.items()}
    documents = {**fan_outs, **{name: query for name, (query, _) in HOSTILE.items() if "login" not in name}, **ALLOWED}
    plain, _ = await milliseconds(PLAIN, repeat)
    rows = [(name, *await milliseconds(query, repeat)) for name, query in documents.items()]
    print(f"{'document':40} {'ms':>8} {'times me':>9}  answer")  # noqa: T201
    print(f"{'me':40} {plain:8.2f} {1:9.1f}  answered")  # noqa: T201
    for name, ms, code in sorted(rows, key=lambda row: -row[1]):
        print(f"{name:40} {ms:8.2f} {ms / plain:9.1f}  {code}")  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
