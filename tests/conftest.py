"""What every test shares: asyncio, a database of its own, a server with WeChat behind it, and an ear for secrets."""

import logging
import os
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, ItemsView, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from httpx import create_ssl_context

from graph.observability.log_writer import LogHandler
from graph.observability.logging import silence_verbose_libraries
from graph.settings import Settings
from graph.simulator import SimulatorState
from graph.simulator.serving import WeChatSimulator
from tests.databases import drop_postgres_database, new_postgres_url, postgres
from tests.http.browsing import SCREENSHOTS
from tests.secret_patterns import Listener, secrets_in
from tests.server import APP_ID, APP_SECRET, Clock, TestServer, open_server, settings_for
from tests.shared_simulator import SharedSimulator, open_shared_simulator

pytest_plugins = ["graph.simulator.pytest_plugin"]

# Folders and files, relative to this one, that start processes, browsers or builds, or repeat a lot: see "slow" in
# pyproject.toml. Of other files single tests are marked.
SLOW: Final = (
    "accounts/test_event_inbox",
    "accounts/test_key_check",
    "accounts/test_merging",
    "accounts/test_phone_keys",
    "accounts/test_phone_tampering",
    "accounts/test_retention",
    "accounts/test_session_cleanup",
    "accounts/test_tampering",
    "benchmarks/",
    "cli/",
    "deploy/",
    "examples/",
    "faults/",
    "http/barrage/",
    "http/test_audits",
    "http/test_explorer",
    "http/test_fuzz",
    "http/test_home_page",
    "http/uploads/test_slowness",
    "models/test_migrations",
    "models/test_pgbouncer",
    "models/test_postgres",
    "models/test_schema",
    "models/test_sqlite",
    "models/test_tls",
    "observability/test_log_writer",
    "observability/test_metrics_server",
    "pictures/test_attacks",
    "pictures/test_ending",
    "pictures/test_memory",
    "pictures/test_normalizer",
    "protocols/test_connections",
    "schema/plans/test_equality",
    "simulator/sdks/",
    "simulator/test_picture_check",
    "test_doctor",
    "test_packaging",
    "tracing/",
    "wechat/test_client_secrets",
    "wechat/test_push_fuzz",
    "wechat/test_tampering",
)
QUICK: Final = "not slow"
TESTS: Final = Path(__file__).parent

# The suite starts the server in dozens of processes: the first of them compiles it for all.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Where there is so much of it, temporary files are in memory.
_MEMORY: Final = Path("/dev/shm")
_ENOUGH_BYTES: Final = 8 * 1024**3


def pytest_configure() -> None:
    """Nearly every test makes a database, which on a disk can take longer than the test itself."""
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return
    room = os.statvfs(_MEMORY)
    if room.f_bavail * room.f_frsize >= _ENOUGH_BYTES and not room.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Quick tests wait now and then; others keep their processor busy, or start processes that do."""
    return 2 * (os.cpu_count() or 1) if config.option.markexpr == QUICK else None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A quick run does not even import what it leaves out."""
    return True if config.option.markexpr == QUICK and is_slow(collection_path) else None


@cache
def is_slow(path: Path) -> bool:
    """Whether nothing in the file, or in the folder, is quick."""
    return f"{path.relative_to(TESTS).as_posix()}/".startswith(SLOW)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests have counted, and where pictures are. Where everything can be installed, nothing is skipped."""
    for report in terminalreporter.stats.get("passed", []):
        for name, counted in report.user_properties:
            terminalreporter.write_line(f"{name}: {counted}")
    if SCREENSHOTS.exists():
        terminalreporter.write_line(f"screenshots: {SCREENSHOTS}")
    if os.environ.get("CI") and terminalreporter.stats.get("skipped"):
        pytest.exit("a test was skipped", returncode=1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What clients can say, and what becomes of it, is tested with plans and without: the server must be the same."""
    if "plans" in metafunc.fixturenames and metafunc.module.__name__.startswith(("tests.accounts.", "tests.schema.")):
        metafunc.parametrize("plans", [True, False], ids=["planned", "unplanned"], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """No plan knows which database there is: without plans one of them is enough."""
    superfluous = [item for item in items if parameters(item) >= {"plans": False, "database_url": "postgres"}.items()]
    config.hook.pytest_deselected(items=superfluous)
    items[:] = [item for item in items if item not in superfluous]

    for item in items:
        if is_slow(item.path) or is_variant(item):
            item.add_marker(pytest.mark.slow)


def is_variant(item: pytest.Item) -> bool:
    """Whether what a quick run tests with plans or on SQLite is tested once more without plans, or on PostgreSQL.

    What differs between the two databases is in `models`, which a quick run tests on both.
    """
    made_for = parameters(item)
    on_postgres = ("database_url", "postgres") in made_for and not item.path.is_relative_to(TESTS / "models")
    return on_postgres or ("plans", False) in made_for


def parameters(item: pytest.Item) -> "ItemsView[str, object]":
    """What a test is made for, by the names of its fixtures."""
    made_for: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    return made_for.items()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_secret_is_logged() -> Iterator[Listener]:
    """Runs the whole suite at DEBUG, and fails any test that makes any logger of the process write a secret,
    or leaves a handler of a server behind.

    Gives what has been logged so far.
    """
    listener, root = Listener(), logging.getLogger()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    silence_verbose_libraries()
    yield listener
    root.removeHandler(listener)
    root.setLevel(level)
    assert [(found, line) for line in listener.lines if (found := secrets_in(line))] == []
    # Or later tests would find its lines in what they write.
    assert not [handler for handler in root.handlers if isinstance(handler, LogHandler)]


@pytest.fixture
def root_logger_as_before() -> Iterator[None]:
    """For what configures the logging of the whole process, and so replaces the handlers of pytest."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def wechat_simulator_state() -> SimulatorState:
    return SimulatorState(APP_ID, APP_SECRET, seed=0)


@pytest.fixture(scope="session", autouse=True)
def certificates_are_read_once() -> Iterator[None]:
    """Every client of the server's reads a file of certificates, though the WeChat of this suite has none."""
    read_once = cache(create_ssl_context)

    def create(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        own = verify is True and cert is None and not trust_env
        return read_once(trust_env=False) if own else create_ssl_context(verify, cert, trust_env)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", create)
        yield


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[SharedSimulator]:
    with open_shared_simulator() as shared_simulator:
        yield shared_simulator


@pytest.fixture
def wechat_simulator(
    wechat_simulator_state: SimulatorState, shared_simulator: SharedSimulator
) -> Iterator[WeChatSimulator]:
    """As the plugin's, without a socket and a thread of each test's own: to stop those takes longer than most tests."""
    with shared_simulator.played_by(wechat_simulator_state) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def postgres_directory() -> Iterator[str]:
    with postgres() as directory:
        yield directory


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database on each of the two that the server runs on."""
    if request.param == "sqlite":
        yield f"sqlite://{tmp_path / 'wxgate.db'}"
    else:
        url = new_postgres_url(request.getfixturevalue("postgres_directory"))
        yield url
        drop_postgres_database(url)


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time_ns() // 1_000_000)


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_for(wechat_simulator, database_url)


@pytest.fixture
def plans(request: pytest.FixtureRequest) -> bool:
    """Whether the server answers by plans where it can; see `pytest_generate_tests`."""
    return bool(getattr(request, "param", True))


@pytest.fixture
async def server(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, plans: bool
) -> AsyncIterator[TestServer]:
    async with open_server(settings, wechat_simulator, clock, plans=plans) as opened:
        yield opened
