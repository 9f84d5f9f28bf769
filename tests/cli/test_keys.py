"""`wxgate keys`: a new key takes over from the old one, on a live database, and no user has to log in again."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import pytest

from graph.security.encryption import KeyRing
from graph.settings import EncryptionSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import invoke
from tests.secret_patterns import secrets_in
from tests.server import ENCRYPTION_KEYS, Clock, TestServer, open_server, settings_for

UNKNOWN_KEY: Final = "This database was never written with a key 'k7': `wxgate keys list` shows those that it knows."
ROTATED: Final = (
    "{0} resealed, 0 overtaken by a login, 0 unreadable\n{0} sessions signed anew, 0 refused, 0 deleted\n"
    "0 phone numbers resealed, 0 unreadable\n"
)


@pytest.fixture
def k2() -> str:
    return invoke("keys", "new", "--id", "k2").output.strip()


@pytest.fixture
def commands(database_url: str) -> Callable[..., tuple[int, str]]:
    """Runs a command of `keys` with a key ring; gives exit code and output, which holds no secret."""

    def keys(*arguments: str, ring: str) -> tuple[int, str]:
        # Of no concern to these commands, and so of no harm.
        others = {"WXGATE_WATERMARK_MAX_AGE": "old", "WXGATE_WECHAT_APP_ID": "mine", "WXGATE_LOG_LEVEL": "ERROR"}
        result = invoke("keys", *arguments, WXGATE_DATABASE_URL=database_url, WXGATE_ENCRYPTION_KEYS=ring, **others)
        assert secrets_in(result.output) == []
        assert all(entry.partition(":")[2] not in result.output for entry in ring.split(","))
        return result.exit_code, result.output

    return keys


def settings_with(ring: str, wechat: WeChatSimulator, database_url: str) -> Settings:
    return settings_for(wechat, database_url, encryption=EncryptionSettings(keys=ring))


def test_a_new_key_is_a_ring_of_its_own_and_never_the_same() -> None:
    made = [invoke("keys", "new").output for _ in range(2)]
    assert made[0] != made[1]
    assert KeyRing.parse(made[0].strip()).ids == ("k1",)


@pytest.mark.parametrize("key_id", ["", "K1", "k 1", "k" * 17, "k1:", "k1,k2"])
def test_a_key_id_that_a_ring_cannot_hold_is_refused_in_one_sentence(key_id: str) -> None:
    result = invoke("keys", "new", "--id", key_id)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "1 to 16 characters" in result.stderr


def test_keys_are_rotated_while_users_stay_signed_in(
    wechat_simulator: WeChatSimulator,
    database_url: str,
    clock: Clock,
    k2: str,
    commands: Callable[..., tuple[int, str]],
) -> None:
    def on_a_server(ring: str, use: Callable[[TestServer], Any]) -> Any:
        async def served() -> Any:
            async with open_server(
                settings_with(ring, wechat_simulator, database_url), wechat_simulator, clock
            ) as server:
                return await use(server)

        return asyncio.run(served())

    login = on_a_server(ENCRYPTION_KEYS, lambda server: server.login("alice"))
    both = f"{k2},{ENCRYPTION_KEYS}"
    assert commands("list", ring=both) == (
        0,
        "k2  encrypts  0 accounts, 0 sessions, 0 phone numbers\n"
        "k1  decrypts  1 accounts, 1 sessions, 0 phone numbers\n",
    )
    assert commands("rotate", ring=both) == (0, ROTATED.format(1))
    assert commands("list", ring=both) == (
        0,
        "k2  encrypts  1 accounts, 1 sessions, 0 phone numbers\n"
        "k1  decrypts  0 accounts, 0 sessions, 0 phone numbers\n",
    )
    assert commands("rotate", ring=both) == (0, ROTATED.format(0))
    assert commands("retire", "k1", ring=k2) == (
        0,
        "k1 is retired; it was needed for 0 accounts, 0 sessions, 0 phone numbers.\n",
    )
    assert commands("list", ring=k2) == (0, "k2  encrypts  1 accounts, 1 sessions, 0 phone numbers\n")

    # The old key is gone; the session_key of before is still there to verify what the phone signs with it.
    submission = wechat_simulator.user_info("alice", policy="old", nickName="Ailisi")
    submitted = on_a_server(k2, lambda server: server.submit(login["token"], submission))
    assert submitted["nickName"] == "Ailisi"
    assert submitted["id"] == login["user"]["id"]


@pytest.fixture
def user(wechat_simulator: WeChatSimulator, database_url: str, clock: Clock) -> None:
    """A user with a session_key that k1 seals."""

    async def log_in() -> None:
        settings = settings_with(ENCRYPTION_KEYS, wechat_simulator, database_url)
        async with open_server(settings, wechat_simulator, clock) as server:
            await server.login("alice")

    asyncio.run(log_in())


@pytest.mark.usefixtures("user")
def test_a_key_that_still_seals_something_cannot_be_dropped(k2: str, commands: Callable[..., tuple[int, str]]) -> None:
    code, output = commands("rotate", ring=k2)
    assert code == 1
    assert "lacks the key 'k1' that this database was written with" in output
    assert "`wxgate keys retire k1`" in output
    missing = (
        0,
        "k2  encrypts  0 accounts, 0 sessions, 0 phone numbers\nk1  MISSING  1 accounts, 1 sessions, 0 phone numbers\n",
    )
    assert commands("list", ring=k2) == missing

    code, output = commands("retire", "k1", ring=k2)
    assert code == 1
    needed = "The key 'k1' is still needed for 1 accounts, 1 sessions, 0 phone numbers"
    assert output == f"Error: {needed}: run `wxgate keys rotate` first, or add --lost.\n"
    assert commands("list", ring=k2) == missing


@pytest.mark.parametrize("lost", [[], ["--lost"]])
def test_the_key_that_encrypts_cannot_be_retired(
    commands: Callable[..., tuple[int, str]], k2: str, lost: list[str]
) -> None:
    code, output = commands("retire", "k2", *lost, ring=f"{k2},{ENCRYPTION_KEYS}")
    assert code == 1
    assert output.startswith("Error: The key 'k2' is the one that encrypts")


def test_a_key_that_is_unknown_or_not_lost_cannot_be_retired(
    commands: Callable[..., tuple[int, str]], k2: str, database_url: str
) -> None:
    invoke("migrate", WXGATE_DATABASE_URL=database_url)
    for lost in ([], ["--lost"]):
        unknown = commands("retire", "k7", *lost, ring=f"{k2},{ENCRYPTION_KEYS}")
        assert unknown == (1, f"Error: {UNKNOWN_KEY}\n")
    code, output = commands("retire", "k1", "--lost", ring=f"{k2},{ENCRYPTION_KEYS}")
    assert (code, output.startswith("Error: The key 'k1' is not lost")) == (1, True)


@pytest.mark.usefixtures("user")
def test_a_lost_key_can_be_retired_and_what_it_sealed_is_reported(
    k2: str, commands: Callable[..., tuple[int, str]]
) -> None:
    assert commands("retire", "k1", "--lost", ring=k2) == (
        0,
        "k1 is retired; it was needed for 1 accounts, 1 sessions, 0 phone numbers.\n",
    )
    # It is no longer known, and yet it is there.
    assert commands("list", ring=k2) == (
        0,
        "k2  encrypts  0 accounts, 0 sessions, 0 phone numbers\nk1  MISSING  1 accounts, 1 sessions, 0 phone numbers\n",
    )
    code, output = commands("rotate", ring=k2)
    assert code == 1
    assert output.startswith(
        "0 resealed, 0 overtaken by a login, 1 unreadable\n0 sessions signed anew, 1 refused, 0 deleted\n"
        "0 phone numbers resealed, 0 unreadable\nError: "
    )
    assert output.endswith("and may give their phone number again.\n")


@pytest.mark.parametrize("command", ["list", "rotate"])
def test_without_keys_or_tables_it_says_what_to_do(command: str, database_url: str) -> None:
    without_keys = invoke("keys", command, WXGATE_DATABASE_URL=database_url)
    assert (without_keys.exit_code, without_keys.stdout) == (1, "")
    assert "WXGATE_ENCRYPTION_KEYS is missing: make a key with `wxgate keys new`" in without_keys.stderr

    malformed = invoke("keys", command, WXGATE_DATABASE_URL=database_url, WXGATE_ENCRYPTION_KEYS="k1:Qx7")
    assert malformed.exit_code == 1
    assert malformed.stderr.startswith("Error: WXGATE_ENCRYPTION_KEYS is not valid: entry 1 of the key ring")
    assert "Qx7" not in malformed.stderr

    no_tables = invoke("keys", command, WXGATE_DATABASE_URL=database_url, WXGATE_ENCRYPTION_KEYS=ENCRYPTION_KEYS)
    assert no_tables.exit_code == 1
    assert no_tables.stderr == "Error: The database's tables are not those of this version: run `wxgate migrate`.\n"
