"""The dashboard and the alerts beside it speak of figures that the server has, and leave none of its own out."""

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest

from graph.settings import MetricsSettings
from models.audit_log import AuditAction
from tests.observability.exposition import scrape
from tests.programs import program
from tests.server import TestServer

HERE: Final = Path(__file__).parent
EXAMPLES: Final = HERE.parents[1] / "examples" / "observability"
DASHBOARD: Final[dict[str, Any]] = json.loads((EXAMPLES / "dashboard.json").read_text("utf-8"))
PANELS: Final[list[dict[str, Any]]] = DASHBOARD["panels"]
SHOWN: Final[list[str]] = [target["expr"] for panel in PANELS for target in panel.get("targets", [])]
ALERTS: Final = (EXAMPLES / "rules.yml").read_text("utf-8")
GUIDE: Final = (EXAMPLES / "README.md").read_text("utf-8")
NAME: Final = re.compile(r"\b(?:wxgate|process|python)_[a-z_]+")


def promtool(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Prometheus' own checker, of Debian's package `prometheus`."""
    command = [program("promtool", "prometheus"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (("check", "config"), EXAMPLES / "prometheus.yml"),
        (("check", "rules"), EXAMPLES / "rules.yml"),
        (("test", "rules"), HERE / "alerts.yml"),
    ],
    ids=["configuration", "alerts", "alerts fire"],
)
def test_prometheus_takes_them(arguments: tuple[str, str], file: Path) -> None:
    checked = promtool(*arguments, file)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_is_seen_to_fire() -> None:
    alerts = re.findall(r"- alert: (\w+)", ALERTS)
    assert len(alerts) > 10
    fired = (HERE / "alerts.yml").read_text("utf-8")
    assert [alert for alert in alerts if f'alertname="{alert}"' not in fired] == []


def test_prometheus_understands_every_panel(tmp_path: Path) -> None:
    plain = [expr.replace("$__rate_interval", "5m").replace("$__range", "3h") for expr in SHOWN]
    assert len(plain) > 25
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(plain)]
    file = tmp_path / "panels.json"  # YAML, since JSON is
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    checked = promtool("check", "rules", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_whatever_they_speak_of_is_there_and_whatever_is_there_is_shown(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    token = (await server.login("alice"))["token"]
    await server.me(token)
    served = await scrape(metrics_settings)
    expressions = [*SHOWN, *re.findall(r"expr: (.*(?:\n {10}.*)*)", ALERTS)]
    spoken_of = {name for expr in expressions for name in NAME.findall(expr)}
    assert len(spoken_of) > 15
    assert spoken_of - served.names() == set()
    own = {re.sub("_(bucket|count|sum)$", "", name) for name in served.names() if name.startswith("wxgate_")}
    assert own - {re.sub("_(bucket|count|sum)$", "", name) for expr in SHOWN for name in NAME.findall(expr)} == set()


def test_no_panel_lies_on_another_and_each_has_a_name_of_its_own() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    for one, other in combinations([panel["gridPos"] for panel in PANELS], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_the_dashboard_asks_which_prometheus_and_which_replica() -> None:
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource", "instance"]
    sources = {panel["datasource"]["uid"] for panel in PANELS if panel["type"] != "row"}
    assert sources == {"${datasource}"}
    assert [expr for expr in SHOWN if "$instance" not in expr] == []


def test_the_guide_explains_every_action_of_the_audit_log() -> None:
    [table] = re.findall(r"^\| action \|.*?(?=^\n|\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall("`([a-z_]+)`", row)} == {action.value for action in AuditAction}
