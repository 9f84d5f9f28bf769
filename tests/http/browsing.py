"""Visits with a real browser: Debian's Chromium, driven by the scripts in `browser/` (npm `playwright-core`)."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
# Pictures of every visit, for people to look at; git does not know the directory.
SCREENSHOTS: Final = ROOT / "build" / "screenshots"
_SCRIPTS: Final = Path(__file__).parent / "browser"
# Seconds. Only a defect takes that long.
_PATIENCE: Final = 600.0


def program(name: str, package: str) -> str:
    """Where a program is. A test that needs one fails without it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    assert found is not None, f"{name} is missing: apt-get install {package}"
    return found


def install_scripts(directory: Path) -> Path:
    """The scripts, with their packages as the lock file names them."""
    scripts = directory / "browser"
    shutil.copytree(_SCRIPTS, scripts, ignore=shutil.ignore_patterns("node_modules"))
    npm_ci(scripts)
    return scripts


def npm_ci(project: Path) -> None:
    """Installs what the lock file of a project names."""
    npm = program("npm", "nodejs npm")
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def visit(scripts: Path, script: str, url: str, album: str) -> Any:
    """What a script saw of the explorer at a base URL; its pictures are in `build/screenshots/<album>`."""
    pictures = SCREENSHOTS / album
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    done = subprocess.run(
        [program("node", "nodejs"), scripts / f"{script}.mjs", program("chromium", "chromium"), url, pictures],
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}\nsee {pictures}"
    return json.loads(done.stdout)


def unwrapped(text: str) -> str:
    """The text of an editor without the breaks of its long lines, or any other space."""
    return re.sub(r"\s", "", text)
