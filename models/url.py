"""What a database URL says, as Tortoise's configuration; and what it must not say."""

import ssl
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from tortoise.backends.base.config_generator import expand_db_url
from tortoise.exceptions import ConfigurationError

from models.errors import UnsupportedDatabase

ALIAS: Final = "default"

# The modules that hold a table each.
_TABLES: Final = (
    "users",
    "accounts",
    "sessions",
    "unionids",
    "phones",
    "phone_owners",
    "uploads",
    "pictures",
    "text_checks",
    "files_to_delete",
    "merge_proposals",
    "deleted_users",
    "audit_log",
    "events",
    "encryption_keys",
    "leases",
)
_ENGINES: Final = {
    "tortoise.backends.sqlite": "models.sqlite",
    "tortoise.backends.asyncpg": "models.postgres",
}

_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def _ssl_mode(value: str) -> str:
    if value not in _SSL_MODES:
        raise ValueError
    return value


# What a URL's query may set, and what it is. `sslmode` is how hosted databases write what asyncpg calls `ssl`.
_PARAMETERS: Final[Mapping[str, Mapping[str, Callable[[str], object]]]] = {
    "models.sqlite": {"busy_timeout": int, "cache_size": int, "synchronous": str},
    "models.postgres": {
        "application_name": str,
        "command_timeout": float,
        "host": str,
        "maxsize": int,
        "minsize": int,
        "schema": str,
        "ssl": _ssl_mode,
        "sslmode": _ssl_mode,
        "sslrootcert": str,
        "statement_cache_size": int,
        "timeout": float,
    },
}
# What a URL leaves open: seconds to connect, seconds for a statement, numbers of connections. A server that takes no
# writes, such as an old primary after a fail-over, is none.
_DEFAULTS: Final[Mapping[str, Mapping[str, object]]] = {
    "models.sqlite": {},
    "models.postgres": {
        "timeout": 1.0,
        "command_timeout": 1.5,
        "minsize": 0,
        "maxsize": 10,
        "target_session_attrs": "read-write",
    },
}


def tortoise_config(url: str, *, create: bool = False) -> dict[str, Any]:
    """Tortoise's configuration for a URL in Tortoise's own form: `sqlite:///absolute/path`, `postgres://user@host/db`.

    Of several PostgreSQL servers, `postgres://user@host1:5432,host2:5432/db`, the one that takes writes is used.
    `create` makes an SQLite file that is not there. Raises `UnsupportedDatabase`; the message never repeats the URL,
    which may hold a password.
    """
    if "#" in url:
        msg = "must not hold a '#': what follows it would be lost (in a password, write %23)"
        raise UnsupportedDatabase(msg)
    base, _, query = url.partition("?")
    try:
        base, hosts = _hosts(base)
        connection = expand_db_url(base)
    except (ConfigurationError, ValueError):
        connection = {}
    engine = _ENGINES.get(connection.get("engine", ""))
    if engine is None:
        msg = "must be sqlite:///absolute/path or postgres://user@host/db"
        raise UnsupportedDatabase(msg)
    if engine.endswith("postgres") and find_spec("asyncpg") is None:
        msg = "names PostgreSQL, which needs its driver: pip install 'wxgate[postgres]'"
        raise UnsupportedDatabase(msg)
    parameters = _verifying(_parameters(query, _PARAMETERS[engine]))
    credentials = {**connection["credentials"], **_DEFAULTS[engine], **parameters}
    if hosts:
        credentials["hosts"] = hosts
    if engine.endswith("sqlite"):
        if credentials["file_path"] == ":memory:":
            msg = "must name a file: an SQLite database in memory is gone with its first connection"
            raise UnsupportedDatabase(msg)
        credentials["create"] = create
    return {
        "connections": {ALIAS: {"engine": engine, "credentials": credentials}},
        "apps": {
            "models": {
                "models": [f"models.{noun}" for noun in _TABLES],
                "migrations": "models.migrations",
                "default_connection": ALIAS,
            }
        },
    }


def _hosts(base: str) -> tuple[str, Sequence[tuple[str | None, int]]]:
    """The URL with the first of several hosts, and all of them with their ports; of one, nothing is said twice."""
    parts = urlsplit(base)
    user, at, named = parts.netloc.rpartition("@")
    if "," not in named or not base.startswith("postgres"):
        return base, ()
    first, *_ = named.split(",")
    each = [urlsplit(f"//{host}") for host in named.split(",")]
    hosts = [(host.hostname, host.port or 5432) for host in each]
    return parts._replace(netloc=f"{user}{at}{first}").geturl(), hosts


def _parameters(query: str, known: Mapping[str, Callable[[str], object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            msg = f"has a parameter that the server does not know; it knows {', '.join(known)}"
            raise UnsupportedDatabase(msg)
        try:
            found["ssl" if name == "sslmode" else name] = known[name](value)
        except ValueError:
            kind = f"one of {', '.join(_SSL_MODES)}" if known[name] is _ssl_mode else "a number"
            msg = f"has a parameter {name} that is not {kind}"
            raise UnsupportedDatabase(msg) from None
    return found


def _verifying(parameters: dict[str, object]) -> dict[str, object]:
    """With `sslrootcert`, the file of certificates that PostgreSQL's must be signed by, as asyncpg wants it."""
    if "sslrootcert" not in parameters:
        return parameters
    mode = parameters.get("ssl")
    if mode not in {"verify-ca", "verify-full"}:
        msg = "has an sslrootcert, which is of use with sslmode=verify-full (or verify-ca) only"
        raise UnsupportedDatabase(msg)
    try:
        context = ssl.create_default_context(cafile=str(parameters["sslrootcert"]))
    except OSError:
        msg = "has an sslrootcert that is not a readable file of certificates"
        raise UnsupportedDatabase(msg) from None
    context.check_hostname = mode == "verify-full"
    return {name: value for name, value in parameters.items() if name != "sslrootcert"} | {"ssl": context}
