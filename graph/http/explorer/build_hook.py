"""Builds GraphiQL when the package is built, with the machine's Node.js; where that fails, the package does without."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_INSTALL: Final = ("ci", "--omit=dev")
# Without an answer `npm ci` asks for one package after the other, for minutes: this asks for one, once, for seconds.
_ASK_REGISTRY: Final = ("view", "esbuild", "version", "--fetch-retries=0", "--fetch-timeout=8000")
# Seconds for each command: far more than a slow machine needs, far less than for ever.
_PATIENCE: Final = 900
_INPUTS: Final = (".npmrc", "package.json", "package-lock.json", "*.mjs", "src/**/*")
# The mini-program that the drawn phone shows, without what its own build makes of it.
_EXAMPLE: Final = "examples/miniprogram/miniprogram"
_EXAMPLE_TYPES: Final = frozenset({".graphql", ".json", ".ts", ".wxml", ".wxss"})


class ExplorerBuildHook(BuildHookInterface[BuilderConfig]):
    """Makes `dist/` beside this file, unless it is there and made of the same sources."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects files, for wheels and editable installs alike."""
        project = Path(self.root) / "graph" / "http" / "explorer"
        self._build(project)
        notices = project / "dist" / "THIRD_PARTY_NOTICES.txt"
        if notices.exists():
            # Not a pattern in `license-files`, which an sdist follows as well: it has none of those packages.
            self.metadata.core.license_files.append(notices.relative_to(self.root).as_posix())

    def _build(self, project: Path) -> None:
        stamp = project / "dist" / "built-from.json"
        root = Path(self.root)
        files = [file for pattern in _INPUTS for file in project.glob(pattern)]
        example = (root / _EXAMPLE).rglob("*")
        files += [file for file in example if file.suffix in _EXAMPLE_TYPES and file.parent.name != "generated"]
        named = sorted((file.relative_to(root).as_posix(), file) for file in files if file.is_file())
        inputs = {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in named}
        if not inputs or (stamp.exists() and json.loads(stamp.read_text("utf-8")) == inputs):
            return
        npm, node = shutil.which("npm"), shutil.which("node")
        if npm is None or node is None:
            self.app.display_warning("No Node.js with npm: wxgate is built without GraphiQL.")
            return
        modules = project / "node_modules"
        were_there = modules.exists()
        try:
            # What npm has in its cache is enough where there is no network.
            if not _succeeds(project, npm, *_INSTALL, "--offline", "--silent"):
                if not _succeeds(project, npm, *_ASK_REGISTRY, "--silent"):
                    self.app.display_warning("npm cannot reach its registry: wxgate is built without GraphiQL.")
                    return
                _run(project, npm, *_INSTALL)
            _run(project, node, "build.mjs")
        except (OSError, subprocess.SubprocessError) as error:
            self.app.display_warning(f"wxgate is built without GraphiQL: {error}")
            return
        finally:
            if not were_there:  # a developer's own stay
                shutil.rmtree(modules, ignore_errors=True)
        stamp.write_text(json.dumps(inputs, indent=1), "utf-8")


def _run(project: Path, *command: str) -> None:
    """Raises `OSError`, `subprocess.SubprocessError`."""
    subprocess.run(command, cwd=project, check=True, timeout=_PATIENCE)  # noqa: S603 - ours, and found


def _succeeds(project: Path, *command: str) -> bool:
    """Whether a command that may fail did not. Raises `OSError`, `subprocess.SubprocessError`."""
    done = subprocess.run(command, cwd=project, check=False, timeout=_PATIENCE, stdout=subprocess.DEVNULL)  # noqa: S603
    return done.returncode == 0
