"""What is in the archives: the explorer's sources in the sdist, GraphiQL in the wheel, neither in one without Node."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.processes import environment, listening
from tests.http.browsing import ROOT, unwrapped, visit
from tests.programs import program

EXPLORER = "graph/http/explorer/"


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


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The sources as the sdist has them."""
    archive, unpacked = build(ROOT, "sdist", tmp_path / "sdist", os.defpath), tmp_path / "source"
    unpacked.mkdir()
    # Not by `tarfile`: Debian's Python 3.11 does not know the argument that later ones ask for.
    subprocess.run(["tar", "-xf", archive, "-C", unpacked], check=True)
    [directory] = unpacked.iterdir()
    return directory


def test_a_wheel_serves_graphiql_in_an_empty_environment_without_node(source: Path, tmp_path: Path) -> None:
    assert not (source / EXPLORER / "dist").exists()
    with_node = str(Path(program("npm", "nodejs npm")).parent) + os.pathsep + os.environ["PATH"]
    wheel = build(source, "wheel", tmp_path / "wheel", with_node)
    carried = explorer_files(wheel)
    assert {name.partition("/")[0] for name in carried} == {"dist"}
    assert {"dist/pages.json", "dist/explorer.html", "dist/explorer-with-phone.html"} < carried
    # Built once: with the same sources there is nothing to run.
    assert explorer_files(build(source, "wheel", tmp_path / "again", "")) == carried

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


@pytest.mark.parametrize("npm", [None, "exit 1"], ids=["without Node", "with an npm that fails"])
def test_the_package_is_built_without_graphiql_where_it_cannot_be(
    source: Path, tmp_path: Path, npm: str | None
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("npm", "node") if npm else ():
        (programs / name).write_text(f"#!/bin/sh\n{npm}\n")
        (programs / name).chmod(0o755)
    wheel = build(source, "wheel", tmp_path / "wheel", str(programs))
    assert explorer_files(wheel) == set()
    assert "graph/http/explorer_page.py" in zipfile.ZipFile(wheel).namelist()


def test_an_editable_install_has_graphiql_in_the_checkout() -> None:
    dist = ROOT / EXPLORER / "dist"
    assert (dist / "pages.json").exists(), "pip install -e . with Node.js on the PATH builds it"
    assert "dist/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
