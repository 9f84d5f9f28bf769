"""The files in `examples/deploy/` say what is so, as far as can be told without what runs them."""

import ipaddress
import json
import re
import sys
from pathlib import Path
from typing import Final

import pytest

from graph.cli import main
from graph.http import uploads
from graph.pictures.location import DirectoryLocation, parse_location
from graph.settings import AvatarsSettings, LimitSettings, Settings, variables
from graph.settings.environment import is_secret
from tests.deploy.files import (
    DIRECTORY,
    checked,
    commands,
    compose,
    kubernetes,
    nginx_location,
    nginx_seconds,
    pods,
    text_of,
    unit,
)
from tests.deploy.proxy import command, configure
from tests.programs import program

PROGRAMS: Final = Path(sys.executable).parent
IN_FLIGHT_SECONDS: Final = 10
DRAIN_SECONDS: Final = float(Settings.model_fields["drain_seconds"].default)


FILES: Final = [path for path in sorted(DIRECTORY.rglob("*")) if path.is_file()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(DIRECTORY).as_posix())
def test_every_variable_is_a_setting(path: Path) -> None:
    settings = variables()
    known = {*settings, *(f"{name}_FILE" for name, field in settings.items() if is_secret(field))}
    named = set(re.findall(r"\bWXGATE_[A-Z0-9_]+", path.read_text("utf-8")))
    assert named - known == set()


def test_every_command_is_one_that_wxgate_takes() -> None:
    started = dict(commands())
    assert len(started) >= 6
    for where, (name, *arguments) in started.items():
        with main.commands[name].make_context(name, list(arguments)) as context:
            assert context.args == [], where


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    configuration = configure(tmp_path, port=1, replicas=[2, 3])
    assert "test is successful" in checked(*command(configuration), "-t")


def test_nginx_and_the_server_agree_about_time_and_size() -> None:
    limits = LimitSettings()
    assert nginx_seconds("keepalive_timeout") < limits.idle_seconds
    assert nginx_seconds("proxy_read_timeout") > limits.request_seconds
    assert nginx_seconds("fail_timeout") + 1 < DRAIN_SECONDS
    [most] = re.findall(r"client_max_body_size (\d+)k;", text_of("nginx.conf"))
    assert int(most) * 1024 > limits.body_bytes
    upload, of_uploads = f"= {uploads.PATH}", uploads.limits(AvatarsSettings().max_bytes)[uploads.PATH]
    [largest] = re.findall(r"client_max_body_size (\d+)m;", nginx_location(upload))
    assert int(largest) * 1024 * 1024 > of_uploads.body_bytes
    assert "proxy_request_buffering off;" in nginx_location(upload)
    assert nginx_seconds("proxy_read_timeout", location=upload) > of_uploads.request_seconds
    assert "non_idempotent;" not in text_of("nginx.conf")


def test_in_compose_everything_has_its_place() -> None:
    services, defined = compose()["services"], compose()["secrets"]
    nginx, replicas = services["nginx"], {name: services[name] for name in ("replica-1", "replica-2")}
    assert re.findall(r"^ +server ([a-z0-9-]+):8000 ", text_of("nginx.conf"), re.MULTILINE) == list(replicas)
    assert list(nginx["depends_on"]) == list(replicas)

    [subnet] = compose()["networks"]["inside"]["ipam"]["config"]
    addresses = [service["networks"]["inside"]["ipv4_address"] for service in (nginx, *replicas.values())]
    assert len(set(addresses)) == 3
    assert all(ipaddress.ip_address(address) in ipaddress.ip_network(subnet["subnet"]) for address in addresses)

    for replica in replicas.values():
        assert replica["environment"]["WXGATE_HTTP_TRUSTED_PROXIES"] == addresses[0]
        assert "http://127.0.0.1:8000/readyz" in replica["healthcheck"]["test"][-1]
        assert int(replica["stop_grace_period"].removesuffix("s")) > DRAIN_SECONDS + IN_FLIGHT_SECONDS
        assert replica["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        store = parse_location(replica["environment"]["WXGATE_AVATARS_STORE"])
        assert isinstance(store, DirectoryLocation)
        assert replica["volumes"] == [f"avatars:{store.path}"]
        assert f" -o 10001 -g 10001 {store.path}\n" in text_of("Dockerfile")
        assert set(replica["volumes"][0].split(":")) & set(compose()["volumes"]) == {"avatars"}
    for service in (services["migrate"], *replicas.values()):
        files = {value for value in service["environment"].values() if value.startswith("/run/secrets/")}
        assert {*files, "/run/secrets/database_ca"} == {f"/run/secrets/{name}" for name in service["secrets"]}
    for name, service in services.items():
        assert set(service.get("secrets", [])) <= set(defined)
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name  # and Docker's own seccomp profile
        assert "cap_add" not in service
        assert "privileged" not in service
        assert service["image"] == "wxgate" or service["user"].split(":")[0] != "0", name
    for name in ("nginx", *replicas):
        assert services[name]["ulimits"]["nofile"] > int(re.findall(r"rlimit_nofile (\d+);", text_of("nginx.conf"))[0])


def test_kubernetes_takes_its_resources() -> None:
    said = checked(PROGRAMS / "kubernetes-validate", "--strict", DIRECTORY / "kubernetes.yaml")
    assert said.count(" passed ") == 6


def test_in_kubernetes_everything_has_its_place() -> None:
    resources, pod = kubernetes(), pods()["Deployment"]
    [container] = pod["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert probes == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    metrics_port = resources["ConfigMap"]["data"]["WXGATE_METRICS_PORT"]
    assert ports == {"http": int(container["args"][-1]), "metrics": int(metrics_port)}
    assert resources["Deployment"]["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == metrics_port
    assert [port["targetPort"] for port in resources["Service"]["spec"]["ports"]] == ["http"]
    assert "lifecycle" not in container

    settings = resources["ConfigMap"]["data"]
    grace = pod["terminationGracePeriodSeconds"]
    assert grace > float(settings["WXGATE_DRAIN_SECONDS"]) + IN_FLIGHT_SECONDS
    labels = resources["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert resources["Service"]["spec"]["selector"] == labels
    assert resources["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert resources["PodDisruptionBudget"]["spec"]["minAvailable"] < resources["Deployment"]["spec"]["replicas"]

    for shown in pods().values():
        [runs] = shown["containers"]
        assert runs["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not shown["enableServiceLinks"]
        assert not shown["automountServiceAccountToken"]
        assert shown["securityContext"]["runAsNonRoot"]
        assert shown["securityContext"]["runAsUser"] == 10001
        assert shown["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        mounts = {mount["name"]: mount["mountPath"] for mount in runs["volumeMounts"]}
        files = [Path(value) for name, value in settings.items() if name.endswith("_FILE")]
        assert {str(file.parent) for file in files} == {mounts["secrets"]}
        assert all(f"--from-file={file.name}" in text_of("README.md") for file in (*files, Path("database_ca")))


def test_in_kubernetes_each_port_is_open_to_one_namespace() -> None:
    policy = kubernetes()["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    allowed = {
        port["port"]: source["namespaceSelector"]["matchLabels"]
        for rule in policy["ingress"]
        for port in rule["ports"]
        for source in rule["from"]
    }
    name = "kubernetes.io/metadata.name"
    assert allowed == {"http": {name: "ingress-nginx"}, "metrics": {name: "monitoring"}}
    [selected] = policy["podSelector"]["matchExpressions"]
    labels = [kubernetes()[kind]["spec"]["template"]["metadata"]["labels"]["app"] for kind in ("Deployment", "Job")]
    assert (selected["key"], selected["operator"], selected["values"]) == ("app", "In", labels)


def test_few_addresses_may_say_who_a_client_is() -> None:
    settings = [kubernetes()["ConfigMap"]["data"], *(dict([text.split("=", 1)]) for text in unit()["Environment"])]
    settings += [service.get("environment", {}) for service in compose()["services"].values()]
    trusted = [found["WXGATE_HTTP_TRUSTED_PROXIES"] for found in settings if "WXGATE_HTTP_TRUSTED_PROXIES" in found]
    assert len(trusted) == 5
    assert all(ipaddress.ip_network(network).num_addresses <= 16 for network in trusted)


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux'")
def test_systemd_takes_its_unit_and_finds_little_that_it_exposes(tmp_path: Path) -> None:
    runnable = tmp_path / "wxgate.service"
    runnable.write_text(text_of("wxgate.service").replace("/opt/wxgate/bin/", f"{PROGRAMS}/"), "utf-8")
    analyze = program("systemd-analyze", "systemd")
    checked(analyze, "verify", "--man=no", runnable)
    found = json.loads(checked(analyze, "security", "--offline=true", "--json=short", runnable))
    # It talks by Internet and tells systemd how it is, from the host's file system and clock.
    needed = {"RootDirectory=/RootImage=", "PrivateNetwork=", "IPAddressDeny=", "DeviceAllow="}
    needed |= {f"RestrictAddressFamilies=~AF_{family}" for family in ("UNIX", "(INET|INET6)")}
    assert {check["name"] for check in found if check["exposure"] is not None and not check["set"]} <= needed


def test_in_the_unit_everything_has_its_place() -> None:
    directives = unit()
    assert int(directives["TimeoutStopSec"][0]) > DRAIN_SECONDS + IN_FLIGHT_SECONDS
    assert directives["KillMode"] == ["mixed"]
    # `tests/cli/test_watchdog.py` has what the server does about these.
    assert directives["Type"] == ["notify"]
    assert 10 < int(directives["WatchdogSec"][0]) < 60
    assert directives["LimitNOFILE"] == ["65536"]
    assert directives["NoNewPrivileges"] == ["yes"]
    settings = dict(setting.split("=", 1) for setting in directives["Environment"])
    given = {value.partition(":")[0] for value in directives["LoadCredential"]}
    assert {value.removeprefix("%d/") for name, value in settings.items() if name.endswith("_FILE")} == given
    assert settings["WXGATE_DATABASE_URL"].startswith(f"sqlite:///var/lib/{directives['StateDirectory'][0]}/")
    assert settings["WXGATE_AVATARS_STORE"].startswith(f"file:///var/lib/{directives['StateDirectory'][0]}/")


def test_readme_names_what_is_there() -> None:
    rows = re.findall(r"^\| (`.+?`) \|", text_of("README.md"), re.MULTILINE)
    named = [name for row in rows for name in re.findall("`([^`]+)`", row)]
    there = {path.name + "/" * path.is_dir() for path in DIRECTORY.iterdir()}
    assert there - {"README.md", "Dockerfile.dockerignore"} <= set(named)
    secrets = {file["file"].removeprefix("secrets/") for file in compose()["secrets"].values()}
    assert secrets <= set(named)
