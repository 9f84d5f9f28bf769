"""The schema as a client's compiler sees it: what fits is built, and what does not is an error before it runs."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cli.processes import Process, serving
from tests.examples.phone import EXAMPLE, checkout, phone
from tests.npm import PATIENCE, npm

# Of each line, the error that TypeScript finds in it. The first ones are what a mini-program's runtime does not have.
WRONG: Final = {
    "fetch('https://example.org')": "TS2304",
    "new URL('https://example.org')": "TS2304",
    "new AbortController()": "TS2304",
    "new Headers()": "TS2304",
    "window.localStorage": "TS2304",
    "wx.request({ uri: 'https://example.org' })": "TS2353",
    "run(LoginDocument, {})": "TS2741",
    "run(LoginDocument, { code: 1 })": "TS2322",
    "run(MeDocument, {}).then(({ me }) => me.nickName)": "TS18047",
    "run(MeDocument, {}).then(({ me }) => me?.openid)": "TS2339",
    "run(MeDocument, {}).then(({ me }) => me?.gender === 'male')": "TS2367",
    "run(LoginDocument, { code: '' }).then(({ login }) => login.user.updatedAt.getTime())": "TS2339",
    "(({ extensions }: ServerError) => extensions.action === 'RETRY')": "TS2367",
}
UNUSED_IMPORT: Final = {"TS6133", "TS6192", "TS6196"}
IMPORTS: Final = """
import { LoginDocument, MeDocument } from './generated/graphql'
import type { ServerError } from './graphql/transport'
import { run } from './session'
"""


def compile_types(project: Path) -> str:
    """What TypeScript says."""
    compiler = project / "node_modules" / ".bin" / "tsc"
    return subprocess.run(
        [compiler, "--noEmit"], cwd=project, capture_output=True, text=True, check=False, timeout=PATIENCE
    ).stdout


@pytest.fixture
def draft(project: Path, tmp_path: Path) -> Path:
    """The built example, to be spoiled."""
    copy = tmp_path / "draft"
    shutil.copytree(project, copy, symlinks=True)
    return copy


def test_the_types_are_strict_and_know_what_a_mini_program_lacks(draft: Path) -> None:
    assert compile_types(draft) == ""
    for number, line in enumerate(WRONG):
        (draft / "miniprogram" / f"wrong{number}.ts").write_text(f"{IMPORTS}\nexport const it = {line}\n", "utf-8")
    found: dict[int, set[str]] = {number: set() for number in range(len(WRONG))}
    for number, code in re.findall(r"miniprogram/wrong(\d+)\.ts.*?: error (TS\d+)", compile_types(draft)):
        found[int(number)].add(code)
    assert [(line, codes - UNUSED_IMPORT) for line, codes in zip(WRONG, found.values(), strict=True)] == [
        (line, {code}) for line, code in WRONG.items()
    ]


def test_an_operation_that_does_not_fit_the_schema_is_not_built(tmp_path: Path) -> None:
    project = checkout(tmp_path)
    operations = project / "miniprogram" / "graphql" / "operations.graphql"
    operations.write_text(operations.read_text("utf-8").replace("  nickName\n", "  nickname\n"), "utf-8")
    built = npm("run", "build", cwd=project)
    assert built.returncode != 0
    assert 'Cannot query field "nickname" on type "User". Did you mean "nickName"?' in built.stdout + built.stderr


def test_every_action_of_the_schema_s_must_be_met_by_the_example(draft: Path) -> None:
    enums = draft / "miniprogram" / "generated" / "enums.ts"
    enums.write_text(enums.read_text("utf-8").replace("| 'WAIT'", "| 'WAIT' | 'UPDATE_THE_APP'"), "utf-8")
    assert re.match(r"miniprogram/session\.ts.*TS1360: Type '\"UPDATE_THE_APP\"'", compile_types(draft))


def test_it_needs_no_package_on_the_phone(project: Path) -> None:
    package = json.loads((project / "package.json").read_text("utf-8"))
    assert "dependencies" not in package
    scripts = list((project / "miniprogram").rglob("*.js"))
    assert len(scripts) > 8
    required = {name for script in scripts for name in re.findall(r"require\(\"(.*?)\"\)", script.read_text("utf-8"))}
    assert required
    assert [name for name in required if not name.startswith(".")] == []
    assert sum(script.stat().st_size for script in scripts) < 80_000


def test_the_transport_is_short_enough_to_copy() -> None:
    assert len((EXAMPLE / "miniprogram" / "graphql" / "transport.ts").read_text("utf-8").splitlines()) <= 45


def test_what_the_app_names_is_there_and_every_page_can_be_reached(project: Path) -> None:
    miniprogram = project / "miniprogram"
    app = json.loads((miniprogram / "app.json").read_text("utf-8"))
    assert len(app["pages"]) == 6
    for page in app["pages"]:
        assert all((miniprogram / f"{page}.{ending}").exists() for ending in ("js", "json", "wxml", "wxss"))
    linked = {
        url for page in miniprogram.rglob("*.wxml") for url in re.findall(r' url="/(.*?)"', page.read_text("utf-8"))
    }
    assert linked == set(app["pages"][1:])
    assert (miniprogram / app["sitemapLocation"]).exists()
    assert (project / json.loads((project / "project.config.json").read_text("utf-8"))["miniprogramRoot"]).is_dir()


def test_every_colour_of_the_bar_is_there_in_light_and_in_dark() -> None:
    miniprogram = EXAMPLE / "miniprogram"
    app = json.loads((miniprogram / "app.json").read_text("utf-8"))
    assert (app["darkmode"], app["lazyCodeLoading"]) == (True, "requiredComponents")
    theme = json.loads((miniprogram / app["themeLocation"]).read_text("utf-8"))
    named = {value.removeprefix("@") for value in app["window"].values() if value.startswith("@")}
    assert named == theme["light"].keys() == theme["dark"].keys()
    style = (miniprogram / "app.wxss").read_text("utf-8")
    light, dark = (set(re.findall(r"^ +(--[a-z-]+):", part, re.MULTILINE)) for part in style.split("@media", 1))
    assert dark == light


@pytest.fixture(scope="module")
def trusting(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server that runs the example's operations and no others."""
    documents = project / "miniprogram" / "generated" / "persisted-documents.json"
    variables = {"WXGATE_TRUSTED_DOCUMENTS": str(documents), "WXGATE_TRUSTED_DOCUMENTS_ONLY": "true"}
    with serving("dev", cwd=tmp_path_factory.mktemp("trusting"), **variables) as server:
        yield server


def test_its_operations_run_by_their_ids_alone(project: Path, trusting: Process, storage: Path) -> None:
    with phone(project, trusting, "by id", storage, trustedDocuments=True) as mine:
        mine.launch("home")
        mine.tap(".collect")
        mine.sees(".name", "by id")


def test_an_error_that_only_others_can_mend_comes_with_the_number_of_the_request(
    project: Path, trusting: Process, storage: Path
) -> None:
    with phone(project, trusting, "by text", storage) as mine:
        mine.launch("home")
        mine.sees(".busy", None)
        assert re.fullmatch(r"That did not work\. Report this number: \S{8,}", mine.text(".message") or "")
        # The page shares the login of the app, unless that has been refused by then.
        assert mine.calls() in ({"wx.login": 1, "Login": 1}, {"wx.login": 2, "Login": 2})
