"""Visits with a real browser: Debian's Chromium, driven by the scripts in `browser/` (npm `playwright-core`)."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from tests.npm import PATIENCE, install
from tests.programs import program

ROOT: Final = Path(__file__).parents[2]
# Pictures of every visit, for people to look at; git does not know the directory.
SCREENSHOTS: Final = ROOT / "build" / "screenshots"
_SCRIPTS: Final = Path(__file__).parent / "browser"


def visit(script: str, url: str, album: str) -> Any:
    """What a script saw of a page at a base URL; its pictures are in `build/screenshots/<album>`."""
    install(_SCRIPTS)
    pictures = SCREENSHOTS / album
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    done = subprocess.run(
        [program("node", "nodejs"), _SCRIPTS / f"{script}.mjs", program("chromium", "chromium"), url, pictures],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}\nsee {pictures}"
    return json.loads(done.stdout)


def unwrapped(text: str) -> str:
    """The text of an editor without the breaks of its long lines, or any other space."""
    return re.sub(r"\s", "", text)


def bare(text: str) -> str:
    """JSON within JSON within JSON, without what sets it apart."""
    return re.sub(r'[\\"]', "", text)
