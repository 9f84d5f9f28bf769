"""The guide for client libraries: each of its blocks, run as it stands in a mini-program's runtime."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.processes import PATIENCE, Process
from tests.examples.phone import HERE, ROOT
from tests.npm import install

GUIDE: Final = (ROOT / "examples" / "clients" / "README.md").read_text("utf-8")
BLOCKS: Final = dict(re.findall(r"^```js (\w+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))
DEAD_TOKEN: Final = "wxs_" + "0" * 49


@pytest.fixture
def snippets(tmp_path: Path) -> Path:
    """A folder for a snippet, with the libraries that the guide imports; Taro is WeChat's API under its own name."""
    installed, modules = install(HERE), tmp_path / "node_modules"
    modules.mkdir()
    for name in ("@urql", "@apollo", "graphql", "rxjs"):
        (modules / name).symlink_to(installed / name)
    taro = modules / "@tarojs" / "taro"
    taro.mkdir(parents=True)
    (taro / "package.json").write_text('{"type": "module", "main": "taro.js"}', "utf-8")
    (taro / "taro.js").write_text("export default { ...wx, request: wx.requested };\n", "utf-8")
    return tmp_path


def run(snippets: Path, server: Process, name: str, *, storage: dict[str, str]) -> Any:
    """What two callers of `me()` got, and what it took."""
    block = BLOCKS[name]
    assert block.count("http://127.0.0.1:8000") == 1
    snippet, storage_file = snippets / f"{name}.mjs", snippets / "storage.json"
    snippet.write_text(block.replace("http://127.0.0.1:8000", server.url), "utf-8")
    storage_file.write_text(json.dumps(storage), "utf-8")
    done = subprocess.run(
        ["node", HERE / "guide" / "run.mjs", snippet, server.url, storage_file],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_the_guide_has_a_block_for_each_client_and_no_other() -> None:
    assert list(BLOCKS) == ["urql", "apollo", "taro", "uni"]
    assert len(re.findall(r"^```", GUIDE, re.MULTILINE)) == 2 * len(BLOCKS)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_client_signs_in_once_for_all_who_ask(name: str, snippets: Path, server: Process) -> None:
    got = run(snippets, server, name, storage={})
    one, other = got["people"]
    assert one == other
    assert one["id"]
    assert one["isAnonymous"] is True
    calls = Counter(got["log"])
    assert (calls["wx.login"], calls["Login"]) == (1, 1)
    assert calls["Me"] in {1, 2}  # a client may ask once for both


@pytest.mark.parametrize("name", BLOCKS)
def test_a_client_with_a_dead_token_signs_in_again_and_repeats(name: str, snippets: Path, server: Process) -> None:
    got = run(snippets, server, name, storage={"wxgate.token": DEAD_TOKEN})
    assert [user["isAnonymous"] for user in got["people"]] == [True, True]
    calls = Counter(got["log"])
    assert (calls["wx.login"], calls["Login"]) == (1, 1)
    assert calls["Me"] in {2, 4}
