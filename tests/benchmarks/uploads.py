"""How long a `me` takes while 16 pictures are uploaded at once, and how long in a calm.

    python -m tests.benchmarks.uploads [--rounds 7] [--seconds 5]

A real `wxgate serve` on SQLite, with pictures in a directory. Calm and uploads take turns; in both, one client asks
for `me` over a kept connection. Clients that upload are a process of their own, and send the next picture once they
have the answer to the last. Fails where a ratio is above its bound.
"""

import argparse
import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
from PIL import Image

from graph.simulator import SimulatorState
from graph.simulator.serving import WeChatSimulator, serve
from models.migrate import migrate
from tests.pictures.files import encoded
from tests.processes import serve_environment, server_process
from tests.server import APP_ID, APP_SECRET, LOGIN, ME

UPLOADS: Final = 16
# Of one account the server takes two at once.
USERS: Final = UPLOADS // 2
# Seconds between an answer and the next `me`.
PAUSE: Final = 0.01
TIMEOUT: Final = 60
# What telephones send, and how many times as long a `me` may take.
KINDS: Final = {
    "JPEG of 12 million pixels": ("JPEG", (4000, 3000), 3),
    "PNG of 3 million pixels": ("PNG", (1170, 2532), 3),
    "WebP of 2 million pixels": ("WEBP", (1440, 1440), 3),
}


def photograph(kind: str, size: tuple[int, int]) -> bytes:
    """A file of about as many bytes as one of its kind has."""
    coarse = Image.effect_noise((size[0] // 20, size[1] // 20), 90).convert("RGB")
    image = coarse.resize(size, Image.Resampling.BICUBIC)
    return encoded(image, kind, quality=85, method=0, compress_level=6)


async def sign_in(url: str, wechat: WeChatSimulator, user: str) -> str:
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT, trust_env=False) as http:
        body = {"query": LOGIN, "variables": {"code": wechat.login(user)}}
        token: str = (await http.post("/graphql", json=body)).json()["data"]["login"]["token"]
        return token


async def upload(url: str, kind: str, path: Path, tokens: list[str]) -> None:
    """Uploads until standard input ends; then each ends its last."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, ended.set)
    data = await asyncio.to_thread(path.read_bytes)

    async def one_after_the_other(token: str) -> None:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": f"image/{kind.lower()}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT, trust_env=False) as http:
            while not ended.is_set():
                answer = await http.post("/uploads/avatar", content=data)
                assert answer.status_code in {201, 503}, answer.text
                await asyncio.sleep(int(answer.headers.get("Retry-After", 0)))

    await asyncio.gather(*[one_after_the_other(token) for token in tokens * 2])


@contextlib.contextmanager
def uploading(url: str, kind: str, path: Path, tokens: list[str]) -> Iterator[None]:
    """All of them, until the block ends."""
    command = [sys.executable, "-m", "tests.benchmarks.uploads", "--upload", url, kind, str(path), *tokens]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        time.sleep(3)  # for Python to start, and for all places to be taken
        yield
        assert process.poll() is None, "an upload failed"
    assert process.returncode == 0


async def ask(url: str, token: str, seconds: float) -> list[float]:
    """Milliseconds of each `me`, one after the other."""
    took: list[float] = []
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT, trust_env=False) as http:
        ends = time.perf_counter() + seconds
        while (began := time.perf_counter()) < ends:
            answer = await http.post("/graphql", json={"query": ME})
            took.append((time.perf_counter() - began) * 1000)
            assert answer.json()["data"]["me"], answer.text
            await asyncio.sleep(PAUSE)
    return took


def measure(kind: str, size: tuple[int, int], directory: Path, *, rounds: int, seconds: float) -> tuple[float, float]:
    """Milliseconds within which 99 of 100 answers come, in a calm and among uploads."""
    path = directory / "photograph"
    path.write_bytes(photograph(kind, size))
    calm: list[float] = []
    busy: list[float] = []
    database_url = f"sqlite://{directory / 'wxgate.db'}"
    with serve(SimulatorState(APP_ID, APP_SECRET, seed=1)) as wechat:
        asyncio.run(migrate(database_url))
        environment = serve_environment(
            wechat,
            database_url,
            WXGATE_LOG_LEVEL="ERROR",
            WXGATE_AVATARS_STORE=f"file://{directory / 'avatars'}",
            WXGATE_AVATARS_PUBLIC_URL="https://api.example.com/avatars",
            WXGATE_RATE_LIMIT_UPLOAD="",
        )
        with server_process(environment, directory / "output") as server:
            tokens = [asyncio.run(sign_in(server.url, wechat, f"user {number}")) for number in range(USERS)]
            asyncio.run(ask(server.url, tokens[0], 1))
            for _ in range(rounds):
                calm += asyncio.run(ask(server.url, tokens[0], seconds))
                with uploading(server.url, kind, path, tokens):
                    busy += asyncio.run(ask(server.url, tokens[0], seconds))
    # The last of the 99 figures that part them into hundredths.
    return statistics.quantiles(calm, n=100)[-1], statistics.quantiles(busy, n=100)[-1]


def main() -> None:
    """Prints a line for each kind of picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--upload", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.upload:
        url, kind, path, *tokens = arguments.upload
        asyncio.run(upload(url, kind, Path(path), tokens))
        return
    print("| pictures | `me`, 99 of 100, calm | among uploads | ratio |")  # noqa: T201
    print("|---|---|---|---|")  # noqa: T201
    for name, (kind, size, bound) in KINDS.items():
        with tempfile.TemporaryDirectory() as directory:
            calm, busy = measure(kind, size, Path(directory), rounds=arguments.rounds, seconds=arguments.seconds)
        print(f"| {name} | {calm:.1f} ms | {busy:.1f} ms | {busy / calm:.1f} |", flush=True)  # noqa: T201
        if busy > bound * calm:
            sys.exit(f"above {bound}")


if __name__ == "__main__":
    main()
