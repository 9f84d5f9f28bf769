"""What `wxgate dev` keeps in its data directory, so that everything still works after a restart."""

import errno
import json
import os
import random
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from graph.security.encryption import generate_entry


@dataclass(frozen=True, slots=True)
class SimulatedMiniProgram:
    """A made-up mini-program; the seed gives its made-up people the same openids every time."""

    app_id: str
    app_secret: str = field(repr=False)
    seed: int

    @classmethod
    def invent(cls, seed: int | None = None) -> "SimulatedMiniProgram":
        """A random one, or the one of this seed."""
        chosen = secrets.randbelow(2**32) if seed is None else seed
        chance = random.Random(chosen)  # noqa: S311 - made up for a simulator, and to be made up again
        return cls(f"wx{chance.randbytes(8).hex()}", chance.randbytes(16).hex(), chosen)


def prepare_data_directory(directory: Path) -> SimulatedMiniProgram:
    """Makes the directory, an encryption key and a mini-program in it, unless they are there. Raises `OSError`."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_once(directory / ".gitignore", "*\n")
    _write_once(encryption_keys_file(directory), generate_entry("k1") + "\n")
    mini_program = directory / "mini-program.json"
    _write_once(mini_program, json.dumps(asdict(SimulatedMiniProgram.invent())) + "\n")
    try:
        return SimulatedMiniProgram(**json.loads(mini_program.read_text("utf-8")))
    except (ValueError, TypeError):
        raise OSError(errno.EINVAL, "is damaged: delete it to start anew", str(mini_program)) from None


def encryption_keys_file(directory: Path) -> Path:
    """Where the key ring of a data directory is."""
    return directory / "encryption-keys"


def _write_once(path: Path, text: str) -> None:
    """Creates a file for its owner alone; whoever comes second leaves it as it is."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
