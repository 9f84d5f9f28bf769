"""A process ends although a picture is still decoded, or a store never answers: no thread keeps it."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.pictures.files import plain
from tests.pictures.s3_servers import silent_server

ROOT: Final = Path(__file__).parents[2]
# Seconds. Python starts in one; threads are waited for some; what hangs would never end.
ENDED_WITHIN: Final = 60.0

NORMALIZER: Final = """
import asyncio, sys, time
from pathlib import Path
from graph.pictures import load_normalizer, normalizer

normalizer.redraw = lambda scanned: time.sleep(3600)

async def main():
    async with load_normalizer() as opened:
        calls = [asyncio.create_task(opened.normalize(Path(sys.argv[1]).read_bytes())) for _ in range(5)]
        await asyncio.sleep(0.2)
        for call in calls:
            call.cancel()
    print("closed")

asyncio.run(main())
"""

STORE: Final = """
import asyncio, sys
from pydantic import SecretStr
from graph.pictures.location import parse_location
from graph.pictures.names import probe_name
from graph.pictures.s3 import S3Store
from graph.pictures.store import open_store

S3Store.read_seconds = 3600
key = SecretStr("a-key-of-this-test")

async def main():
    location = parse_location(f"s3://pictures?endpoint={sys.argv[1]}&style=path")
    async with open_store(location, public_url="https://a.example", access_key=key, secret_key=key) as store:
        calls = [asyncio.create_task(store.put(probe_name(), b"")) for _ in range(20)]
        await asyncio.sleep(0.2)
        for call in calls:
            call.cancel()
    print("closed")

asyncio.run(main())
"""

# Leaves at the moment that is named, without closing anything.
ABANDONED: Final = """
import asyncio, sys
from pathlib import Path
from graph.pictures import load_normalizer

async def main():
    normalizer = load_normalizer()
    calls = [asyncio.create_task(normalizer.normalize(Path(sys.argv[1]).read_bytes())) for _ in range(5)]
    await asyncio.sleep(float(sys.argv[2]))
    print("closed")

asyncio.run(main())
"""


def ended(script: str, *arguments: str | Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=ENDED_WITHIN,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture"
    path.write_bytes(plain("WEBP", (3000, 3000), lossless=True, method=0))
    return path


def test_a_picture_that_is_never_done_keeps_no_process(picture: Path) -> None:
    assert ended(NORMALIZER, picture) == (0, "closed\n", "")


def test_a_store_that_never_answers_keeps_no_process() -> None:
    with silent_server() as endpoint:
        assert ended(STORE, endpoint) == (0, "closed\n", "")


@pytest.mark.parametrize("moment", ["0", "0.03", "0.1", "0.2", "0.5"])
def test_a_process_ends_in_the_middle_of_a_picture(picture: Path, moment: str) -> None:
    assert ended(ABANDONED, picture, moment) == (0, "closed\n", "")


def test_without_the_extras_their_settings_are_read_all_the_same() -> None:
    script = """
import sys
sys.modules["PIL"] = sys.modules["minio"] = None
from pydantic import SecretStr
from graph.pictures import load_normalizer
from graph.pictures.errors import ExtraMissing
from graph.pictures.location import parse_location
from graph.pictures.store import open_store
import graph.settings
key = SecretStr("a-key-of-this-test")
bucket = parse_location("s3://pictures?endpoint=https://cos.example.com")
for load in (load_normalizer, lambda: open_store(bucket, public_url="", access_key=key, secret_key=key)):
    try:
        load()
    except ExtraMissing as error:
        print(error)
open_store(parse_location("file:///srv/avatars"), public_url="")
"""
    needed = [f"needs another package: pip install 'wxgate[{extra}]'\n" for extra in ("avatars", "s3")]
    assert ended(script) == (0, "".join(needed), "")
