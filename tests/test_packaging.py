"""What is in the archives: the explorer's sources in the sdist, GraphiQL in the wheel, neither in one without Node."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path
from typing import Final

import pytest

from tests.cli.processes import environment, listening
from tests.http.browsing import ROOT, unwrapped, visit
from tests.programs import program

EXPLORER: Final = "graph/http/explorer/"
PAGES: Final = ("explorer.html", "explorer-with-phone.html", "phone.html")
LICENCES: Final = "wxgate-0.1.0.dist-info/licenses/"


def build(source: Path, target: str, destination: Path, path: str) -> Path:
    """The archive that hatchling makes, with the programs that `path` leads to."""
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", destination],
        cwd=source,
        env=environment(PATH=path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    [archive] = destination.iterdir()
    return archive


def explorer_files(wheel: Path) -> set[str]:
    return {name.removeprefix(EXPLORER) for name in zipfile.ZipFile(wheel).namelist() if name.startswith(EXPLORER)}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the sdist has, for tests to build from a copy of."""
    directory = tmp_path_factory.mktemp("sdist")
    archive, unpacked = build(ROOT, "sdist", directory / "sdist", os.defpath), directory / "source"
    unpacked.mkdir()
    # Not by `tarfile`: Debian's Python 3.11 does not know the argument that later ones ask for.
    subprocess.run(["tar", "-xf", archive, "-C", unpacked], check=True)
    [unpacked] = unpacked.iterdir()
    return unpacked


def with_node() -> str:
    """A `PATH` that leads to npm and Node.js."""
    return str(Path(program("npm", "nodejs npm")).parent) + os.pathsep + os.environ["PATH"]


def played(directory: Path, **scripts: str) -> Path:
    """A directory of programs, each a script of a shell."""
    directory.mkdir()
    for name, script in scripts.items():
        (directory / name).write_text(f"#!/bin/sh\n{script}\n")
        (directory / name).chmod(0o755)
    return directory


@dataclass(frozen=True)
class Built:
    """A wheel with the explorer, the sources that it was built from, and the packages that esbuild took bytes from."""

    wheel: Path
    source: Path
    packages: set[str]


@pytest.fixture(scope="module")
def built(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    directory = tmp_path_factory.mktemp("built")
    source = shutil.copytree(sources, directory / "source")
    assert not (source / EXPLORER / "dist").exists()
    with (source / EXPLORER / "build.mjs").open("a", encoding="utf-8") as script:
        script.write('await writeFile(join(here, "metafile.json"), JSON.stringify(metafile));\n')
    # There before, they are left there: the tests look at what was bundled.
    (source / EXPLORER / "node_modules").mkdir()
    wheel = build(source, "wheel", directory / "wheel", with_node())
    outputs = json.loads((source / EXPLORER / "metafile.json").read_text("utf-8"))["outputs"].values()
    taken = {path for output in outputs for path, of in output["inputs"].items() if of["bytesInOutput"]}
    found = (re.match(r"(?:.*/)?node_modules/(?:@[^/]+/)?[^/]+", path) for path in taken)
    return Built(wheel, source, {match[0] for match in found if match})


def test_a_wheel_serves_graphiql_in_an_empty_environment_without_node(built: Built, tmp_path: Path) -> None:
    wheel = built.wheel
    carried = explorer_files(wheel)
    assert {name.partition("/")[0] for name in carried} == {"dist"}
    assert {f"dist/{name}" for name in ("pages.json", *PAGES)} < carried
    # Built once: with the same sources there is nothing to run.
    assert explorer_files(build(built.source, "wheel", tmp_path / "again", "")) == carried

    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    installed = subprocess.run(
        [*pip, "--disable-pip-version-check", wheel], capture_output=True, text=True, check=False
    )
    assert installed.returncode == 0, installed.stdout + installed.stderr
    with listening((venv / "bin" / "wxgate", "dev"), tmp_path, environment(PATH=str(venv / "bin"))) as server:
        seen = visit("glance", server.url, "wheel")
    assert unwrapped(seen["answer"]) == '{"data":{"me":null}}'
    assert "Hide Phone" in seen["panels"]
    assert seen["complaints"] == seen["elsewhere"] == []


def notices_in(wheel: Path) -> str:
    """What a wheel says of other people's work, where its metadata says that it does."""
    with zipfile.ZipFile(wheel) as archive:
        named = Parser().parsestr(archive.read("wxgate-0.1.0.dist-info/METADATA").decode()).get_all("License-File", [])
        licences = {name.removeprefix(LICENCES) for name in archive.namelist() if name.startswith(LICENCES)}
        assert licences == set(named)
        return "".join(archive.read(LICENCES + name).decode() for name in licences - {"LICENSE"})


def test_a_wheel_has_the_notice_of_each_package_that_is_in_it(built: Built) -> None:
    notices = notices_in(built.wheel)
    assert {f"node_modules/{name}" for name in ("react-dom", "monaco-editor", "@fontsource/fira-code")} < built.packages
    for folder in built.packages:
        package = built.source / EXPLORER / folder
        about = json.loads((package / "package.json").read_text("utf-8"))
        assert f"\n{about['name']} {about['version']}\nLicense: {about['license']}\n" in f"\n{notices}"
        texts = [file for file in package.iterdir() if re.match("(?i)licen[cs]e|.*notice", file.name)]
        assert all(file.read_bytes().decode("utf-8-sig").strip() in notices for file in texts)
        # A few packages of MIT's have no such file.
        assert texts or about["license"] == "MIT"
    # What a package has within itself, and says so only in its code.
    assert "DOMPurify" in notices


def test_the_licence_of_the_package_covers_all_that_is_in_a_wheel(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        metadata = Parser().parsestr(archive.read("wxgate-0.1.0.dist-info/METADATA").decode())
    found = set(re.findall(r"^License: (.*?)\s*$", notices_in(built.wheel), re.MULTILINE))
    assert {"MIT", "OFL-1.1"} < found
    assert set(metadata["License-Expression"].split(" AND ")) == found


@pytest.mark.parametrize("npm", [None, "exit 1"], ids=["without Node", "with an npm that fails"])
def test_the_package_is_built_without_graphiql_where_it_cannot_be(
    tmp_path: Path, sources: Path, npm: str | None
) -> None:
    source = shutil.copytree(sources, tmp_path / "source")
    programs = played(tmp_path / "programs", **({"npm": npm, "node": npm} if npm else {}))
    wheel = build(source, "wheel", tmp_path / "wheel", str(programs))
    assert explorer_files(wheel) == set()
    assert notices_in(wheel) == ""
    assert "graph/http/explorer_page.py" in zipfile.ZipFile(wheel).namelist()


@pytest.mark.parametrize("is_silent", [False, True], ids=["refuses", "is silent"])
def test_a_registry_out_of_reach_costs_the_explorer_and_little_time(
    tmp_path: Path, sources: Path, is_silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shutil.copytree(sources, tmp_path / "source")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        if not is_silent:
            silent.close()
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
        # `npm ci` by itself would wait for a silent one for minutes.
        wheel = build(source, "wheel", tmp_path / "wheel", with_node())
    assert explorer_files(wheel) == set()
    assert not (source / EXPLORER / "node_modules").exists()


def test_the_build_leaves_no_packages_behind(tmp_path: Path, sources: Path) -> None:
    source = shutil.copytree(sources, tmp_path / "source")
    node = "mkdir dist && echo '{}' > dist/pages.json"
    programs = played(tmp_path / "programs", npm="mkdir -p node_modules/esbuild", node=node)
    wheel = build(source, "wheel", tmp_path / "wheel", f"{programs}{os.pathsep}{os.defpath}")
    assert {"dist/pages.json", "dist/built-from.json"} <= explorer_files(wheel)
    assert not (source / EXPLORER / "node_modules").exists()


def test_an_editable_install_has_graphiql_in_the_checkout() -> None:
    dist = ROOT / EXPLORER / "dist"
    assert (dist / "pages.json").exists(), "pip install -e . with Node.js on the PATH builds it"
    assert "dist/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
