"""The trial's Prometheus and Grafana find the server, each other, and the dashboard and alerts of `observability/`."""

import json
import re
import subprocess
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from tests.cli.processes import PATIENCE, environment, serving
from tests.deploy.files import DIRECTORY, checked, compose, text_of
from tests.programs import program

TRIAL: Final = DIRECTORY / "trial"
SERVICES: Final[dict[str, dict[str, Any]]] = compose("trial/compose.yaml")["services"]


def mounted(service: str) -> dict[str, Path]:
    """What a container sees of this repository: the files, by their path inside."""
    mounts = [volume.split(":") for volume in SERVICES[service]["volumes"]]
    assert {mode for _, _, mode in mounts} == {"ro"}
    return {inside: (TRIAL / outside).resolve() for outside, inside, _ in mounts}


def test_every_port_is_on_loopback_and_nothing_outlives_the_trial() -> None:
    assert [service["ports"] for service in SERVICES.values()] == [
        [f"127.0.0.1:{port}:{port}"] for port in (8000, 9090, 3000)
    ]
    assert "volumes" not in compose("trial/compose.yaml")
    for name, service in SERVICES.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "user" not in service, name


def test_prometheus_reads_the_server_and_takes_the_alerts(tmp_path: Path) -> None:
    for inside, file in mounted("prometheus").items():
        (tmp_path / Path(inside).name).write_bytes(file.read_bytes())
    checked(program("promtool", "prometheus"), "check", "config", tmp_path / "prometheus.yml")
    [job] = yaml.safe_load(text_of("trial/prometheus.yml"))["scrape_configs"]
    port = SERVICES["wxgate"]["environment"]["WXGATE_METRICS_PORT"]
    assert [target for config in job["static_configs"] for target in config["targets"]] == [f"wxgate:{port}"]
    # The job that the alerts and the dashboard ask for.
    assert f'up{{job="{job["job_name"]}"}}' in mounted("prometheus")["/etc/prometheus/rules.yml"].read_text("utf-8")


def test_grafana_has_the_figures_and_the_dashboard_from_its_start() -> None:
    files, settings = mounted("grafana"), SERVICES["grafana"]["environment"]
    assert all(file.is_file() for file in files.values())
    found = {Path(inside).parent.name: file for inside, file in files.items() if "/provisioning/" in inside}
    [source] = yaml.safe_load(found["datasources"].read_text("utf-8"))["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    assert source["url"] == "http://prometheus:9090"
    [provider] = yaml.safe_load(found["dashboards"].read_text("utf-8"))["providers"]
    home = settings["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert Path(home).parent == Path(provider["options"]["path"])
    dashboard = json.loads(files[home].read_text("utf-8"))
    assert dashboard["uid"] == "wxgate"
    # It takes the default among the sources of this type.
    [asked] = [variable for variable in dashboard["templating"]["list"] if variable["type"] == "datasource"]
    assert (asked["query"], asked["current"]) == (source["type"], {})


def test_the_server_starts_as_it_does_there_and_the_guide_gives_it_users(tmp_path: Path) -> None:
    wxgate = SERVICES["wxgate"]
    [where] = [tmp for tmp in wxgate["tmpfs"] if wxgate["command"][-1].startswith(f"{tmp}/")]
    arguments = [argument.replace(where, str(tmp_path)) for argument in wxgate["command"]]
    variables = {**wxgate["environment"], "WXGATE_METRICS_PORT": "0"}
    [loop] = re.findall(r"^```sh\n(URL=.*?)^```$", text_of("README.md"), re.MULTILINE | re.DOTALL)
    with serving(*arguments, cwd=tmp_path, **variables) as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - what it may be called
        twice = loop.replace("http://127.0.0.1:8000", url).replace("while sleep 0.2", "for _ in 1 2")
        shown = subprocess.run(
            ["sh", "-c", twice], env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=True
        )
        port = server.wait_for(r"metrics are served .* metrics_port=(\d+)")[1]
        figures = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        assert server.get("/graphiql").status_code == HTTPStatus.BAD_REQUEST, "a host of no name of its own"
    assert shown.stdout.count('{"data":{"login":{"user":{"id":"') == 2
    assert 'operation="SignIn"' in figures
