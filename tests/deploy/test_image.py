"""What the Dockerfile builds, and from what."""

import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from tests.deploy.files import DIRECTORY, checked, compose, text_of

ROOT: Final = DIRECTORY.parents[1]
PINNED_EXTRAS: Final = ("avatars", "postgres", "redis", "s3")


def test_the_dockerfile_is_good() -> None:
    checked(Path(sys.executable).parent / "hadolint", DIRECTORY / "Dockerfile")
    assert re.search(r"^USER 10001:10001$", text_of("Dockerfile"), re.MULTILINE)
    # Each can be pinned by digest, and none is pinned by a digest that was not seen.
    assert set(re.findall(r"^FROM (\S+)", text_of("Dockerfile"), re.MULTILINE)) == {"${PYTHON_IMAGE}"}
    images = [service["image"] for service in compose()["services"].values() if service["image"] != "wxgate"]
    assert all(re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[a-z/]+:[\w.-]+\}", image) for image in images)
    [argument] = [service["build"]["args"] for name, service in compose()["services"].items() if name == "migrate"]
    assert f"ARG PYTHON_IMAGE={argument['PYTHON_IMAGE'].partition(':-')[2][:-1]}\n" in text_of("Dockerfile")


def test_the_first_stage_of_the_dockerfile_makes_all_that_the_second_needs(tmp_path: Path) -> None:
    source, installed, python = tmp_path / "source", tmp_path / "wxgate", tmp_path / "python"
    checked(sys.executable, "-m", "venv", python)
    stage, _ = re.findall(r"^FROM .*?(?=^FROM|\Z)", text_of("Dockerfile"), re.MULTILINE | re.DOTALL)
    source.mkdir()
    # No Node.js, no compiler: what a slim image has.
    environment = {"PATH": f"{python}/bin:/bin", "PIP_ROOT_USER_ACTION": "ignore", "PIP_ONLY_BINARY": ":all:"}
    for step, text in re.findall(r"^(COPY|RUN) ((?:.*\\\n)*.*)$", stage, re.MULTILINE):
        if step == "COPY":
            *names, target = text.split()
            for name in names:
                copy(ROOT / name, source / target / ("" if (ROOT / name).is_dir() else Path(name).name))
        else:
            assert all(
                "--require-hashes" in line or "--no-deps dist/" in line for line in text.splitlines() if "inst" in line
            )
            checked("bash", "-ec", f"cd {source}\n{text.replace('/opt/wxgate', str(installed))}", **environment)
    assert "Commands:" in checked(installed / "bin" / "wxgate", "--help", PYTHONPATH="")
    where = checked(installed / "bin" / "python", "-P", "-c", "import graph; print(graph.__file__)", PYTHONPATH="")
    assert where.startswith(str(installed))


def copy(path: Path, target: Path) -> None:
    """As Docker does."""
    if path.is_dir():
        shutil.copytree(path, target, ignore=shutil.ignore_patterns("node_modules", "dist"))
    else:
        shutil.copy(path, target)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-build.txt"])
def test_what_is_pinned_fits_what_the_package_asks_for(name: str) -> None:
    pins = re.findall(r"^([a-z0-9-]+)==(\S+)(?: ; (.*?))? \\\n    --hash=sha256:", text_of(name), re.MULTILINE)
    assert len(pins) == len(re.findall(r"^\w", text_of(name), re.MULTILINE))
    pinned = {package: version for package, version, marker in pins if not marker or Marker(marker).evaluate()}
    about = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = about["project"]["optional-dependencies"]
    wanted = [*about["project"]["dependencies"], *(wish for name in PINNED_EXTRAS for wish in extras[name])]
    for requirement in map(Requirement, wanted if name == "requirements.txt" else about["build-system"]["requires"]):
        assert requirement.specifier.contains(pinned[requirement.name]), requirement
    # As README.md says.
    [command] = re.findall(r"^#    (uv .*)$", text_of(name), re.MULTILINE)
    assert command in text_of("README.md")
    assert re.findall(r"--extra (\w+)", command) == (list(PINNED_EXTRAS) if name == "requirements.txt" else [])


def test_what_docker_is_sent_is_what_the_dockerfile_copies() -> None:
    sent = {line[1:] for line in text_of("Dockerfile.dockerignore").splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", text_of("Dockerfile"), re.MULTILINE)
    assert sent == {name for names in copied for name in names.split()}
