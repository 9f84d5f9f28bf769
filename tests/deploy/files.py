"""What the files in `examples/deploy/` say, as plain values."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

DIRECTORY: Final = Path(__file__).parents[2] / "examples" / "deploy"


def text_of(name: str) -> str:
    """A file as it is."""
    return (DIRECTORY / name).read_text("utf-8")


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    """A compose file, its merge keys resolved."""
    return dict(yaml.safe_load(text_of(name)))


def kubernetes() -> dict[str, dict[str, Any]]:
    """The resources by their kind, of which there is one each."""
    return {resource["kind"]: resource for resource in yaml.safe_load_all(text_of("kubernetes.yaml"))}


def pods() -> dict[str, dict[str, Any]]:
    """The pods of what runs wxgate, by kind."""
    return {kind: kubernetes()[kind]["spec"]["template"]["spec"] for kind in ("Job", "Deployment")}


def unit() -> dict[str, list[str]]:
    """The directives of the systemd unit."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", text_of("wxgate.service"), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


_LOCATION: Final = re.compile(r"^ +location ([^\n]*) \{\n(.*?)^        \}$", re.MULTILINE | re.DOTALL)


def nginx_location(name: str) -> str:
    """What stands in one location of nginx's configuration."""
    return {found: str(text) for found, text in _LOCATION.findall(text_of("nginx.conf"))}[name]


def nginx_seconds(directive: str, *, location: str | None = None) -> float:
    """A time in nginx's configuration: that of a location, or the one that holds for those without."""
    text = nginx_location(location) if location else _LOCATION.sub("", text_of("nginx.conf"))
    [seconds] = set(re.findall(rf"\b{directive}[ =](\d+)s", text))
    return float(seconds)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every way in which wxgate is started, and where."""
    [default] = re.findall(r"^CMD (\[.*\])$", text_of("Dockerfile"), re.MULTILINE)
    yield "Dockerfile", list(yaml.safe_load(default))
    for file in ("compose.yaml", "trial/compose.yaml"):
        for name, service in compose(file)["services"].items():
            if service["image"] == "wxgate" and "command" in service:
                yield f"{file} {name}", service["command"]
    for kind, pod in pods().items():
        yield f"kubernetes.yaml {kind}", pod["containers"][0]["args"]
    for directive in ("ExecStartPre", "ExecStart"):
        for command in unit()[directive]:
            yield f"wxgate.service {directive}", shlex.split(command)[1:]


def checked(*arguments: str | Path, **environment: str) -> str:
    """What a program says that finds nothing wrong."""
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
