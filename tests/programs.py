"""Finds the programs that some tests need beside Python and Node."""

import os
import shutil
from pathlib import Path

import pytest


def program(name: str, package: str) -> str:
    """Where a program is. Without it the test is skipped, which CI counts as a failure: `.ci/run` installs all of them.

    `package` is Debian's.
    """
    # Debian keeps servers where only root looks.
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"needs {name}: apt-get install {package}")
    return found


def faketime() -> str:
    """The library that gives a process another clock; otherwise as `program`."""
    found = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if found is None:
        pytest.skip("needs libfaketime: apt-get install faketime")
    return str(found)
