"""Installs the packages of an npm project, as its lock file names them."""

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

# Seconds. Only a defect takes that long.
PATIENCE: Final = 600.0


def npm(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Runs npm to its end, whatever its exit code."""
    program = shutil.which("npm")
    assert program is not None, "these tests need Node and npm"
    return subprocess.run([program, *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=PATIENCE)


def install(project: Path) -> Path:
    """The folder `node_modules` of a project: filled unless it was already, by one process at a time."""
    modules = project / "node_modules"
    stamp = modules / ".installed"
    with (project / "package.json").open("rb") as package:
        fcntl.flock(package, fcntl.LOCK_EX)
        digest = hashlib.sha256(package.read() + (project / "package-lock.json").read_bytes()).hexdigest()
        if not stamp.exists() or stamp.read_text("utf-8") != digest:
            done = npm("ci", "--no-audit", "--no-fund", cwd=project)
            assert done.returncode == 0, done.stderr
            stamp.write_text(digest, "utf-8")
    return modules
