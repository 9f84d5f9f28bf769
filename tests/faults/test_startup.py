"""A server that cannot start after it has opened its database ends, and says why."""

from pathlib import Path

import pytest

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import invoke, run
from tests.processes import serve_environment
from tests.server import ANOTHER_K1


@pytest.fixture
def variables(wechat_simulator: WeChatSimulator, database_url: str) -> dict[str, str]:
    return serve_environment(wechat_simulator, database_url)


def test_keys_of_another_database_end_the_process_with_the_database_open(
    variables: dict[str, str], tmp_path: Path
) -> None:
    """In a process of its own, where a thread of the driver's that is left over would keep it from ending."""
    invoke("migrate", **variables)
    invoke("keys", "rotate", **variables)  # notes the key as any server would
    refused = run("serve", "--port", "0", cwd=tmp_path, **variables | {"WXGATE_ENCRYPTION_KEYS": ANOTHER_K1})
    said = refused.stdout + refused.stderr
    assert refused.returncode == 1, said
    assert "has another key 'k1' than the one this database was written with" in said
    assert "Traceback" not in said
    assert ANOTHER_K1.partition(":")[2] not in said


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_that_is_no_database_does_not_keep_the_process_from_ending(
    variables: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "wxgate.db").write_bytes(b"no database at all" * 100)
    for command in (("migrate",), ("migrate", "--plan"), ("keys", "rotate")):
        refused = run(*command, cwd=tmp_path, **variables)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr
