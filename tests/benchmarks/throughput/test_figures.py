"""What the benchmark makes of what wrk says: medians, ratios, tables."""

import json
from dataclasses import replace

import pytest

from tests.benchmarks.throughput.figures import Figures, Row, bounded, compared
from tests.benchmarks.throughput.load import figures
from tests.benchmarks.throughput.plan import Plan
from tests.benchmarks.throughput.table import rows_as_json, rows_as_markdown

FAST = Figures(rate=2000.0, p50=3.0, p99=6.0, cpu=50.0, rss=40.0, failed=0)
ROW = Row("me", "postgres", 100_000, 64, "h", FAST)


def test_the_last_line_that_wrk_prints_becomes_figures() -> None:
    summary = {"requests": 500, "us": 250_000, "status": 1, "socket": 2, "refused": 4, "p50": 1500.0, "p99": 9000.0}
    printed = f"Running 1s test @ http://127.0.0.1\n  64 connections\n{json.dumps(summary)}\n"
    read = figures(printed, used=0.025, rss=70.5)
    assert read.cpu == pytest.approx(50.0)
    assert replace(read, cpu=50.0) == Figures(rate=2000.0, p50=1.5, p99=9.0, cpu=50.0, rss=70.5, failed=7)


def test_a_server_that_answers_nothing_has_figures_too() -> None:
    summary = {"requests": 0, "us": 1_000_000, "status": 0, "socket": 64, "refused": 0, "p50": 0.0, "p99": 0.0}
    silent = figures(json.dumps(summary), used=0.5, rss=70.0)
    assert (silent.rate, silent.tail, silent.failed) == (0.0, 0.0, 64)


def test_the_median_of_rounds_hides_no_failure() -> None:
    rounds = [replace(FAST, rate=rate, failed=failed) for rate, failed in ((1.0, 0), (9.0, 5), (3.0, 0))]
    assert Figures.median(rounds) == replace(FAST, rate=3.0, failed=5)


def test_rows_are_compared_with_the_reference_of_their_own_rounds() -> None:
    slower = replace(ROW, server="wxgate", figures=replace(FAST, rate=1500.0))
    assert [row.against for row in compared([ROW, slower], "h")] == [1.0, 0.75]
    assert [row.against for row in compared([slower], "h")] == [None]


def test_logins_are_compared_with_what_wechat_allows() -> None:
    row = replace(ROW, figures=replace(FAST, rate=640.0))
    assert (bounded(row, 50).against, bounded(row, 50).reference) == (0.5, "the bound 1,280")
    assert bounded(row, 0) == row


def test_the_table_has_as_many_cells_in_each_line() -> None:
    head, rule, first, second = rows_as_markdown([ROW, replace(ROW, against=1.2345, reference="h")]).splitlines()
    assert len({line.count("|") for line in (head, rule, first, second)}) == 1
    assert "| 100,000 | 64 | h | 2,000 |  | 3.00 | 6.00 | 2.0 | 50 | 40 | 0 |" in first
    assert "| 1.23 x h |" in second


def test_programs_get_every_figure_unrounded() -> None:
    [line] = rows_as_json([replace(ROW, against=1.2345, reference="h")]).splitlines()
    read = json.loads(line)
    assert (read["figures"]["rate"], read["against"], read["tail"]) == (2000.0, 1.2345, 2.0)


def test_sizes_and_connections_make_a_cross() -> None:
    plan = Plan.parse([])
    measured = {sessions: list(plan.connections_at(sessions)) for sessions in plan.sessions}
    assert measured == {1_000: [64], 100_000: [1, 64, 512], 1_000_000: [64]}


def test_only_the_peers_need_node() -> None:
    assert Plan.parse([]).programs == ["wrk"]
    assert set(Plan.parse(["--node"]).programs) == {"wrk", "node", "npm"}
