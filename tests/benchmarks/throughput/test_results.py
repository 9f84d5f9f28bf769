"""What the benchmark makes of what wrk prints: medians, ratios, tables."""

import json
from dataclasses import replace

import pytest

from tests.benchmarks.throughput.results import HEAD, Figures, Row, as_json, compared, markdown
from tests.benchmarks.throughput.wrk import figures

FAST = Figures(rate=2000.0, p50=3.0, p99=6.0, cpu=50.0, rss=40.0, failed=0)
ROW = Row("me", "postgres", 100_000, 64, "h", FAST)


def test_the_last_line_that_wrk_prints_becomes_figures() -> None:
    summary = {"requests": 500, "us": 250_000, "status": 1, "socket": 2, "refused": 4, "p50": 1500.0, "p99": 9000.0}
    printed = f"Running 1s test @ http://127.0.0.1\n  64 connections\n{json.dumps(summary)}\n"
    read = figures(printed, used=0.025, rss=70.5)
    assert read.cpu == pytest.approx(50.0)
    assert replace(read, cpu=50.0) == Figures(rate=2000.0, p50=1.5, p99=9.0, cpu=50.0, rss=70.5, failed=7)


def test_the_median_of_rounds_hides_no_failure() -> None:
    rounds = [replace(FAST, rate=rate, failed=failed, lost=1) for rate, failed in ((1.0, 0), (9.0, 5), (3.0, 0))]
    assert Figures.median(rounds) == replace(FAST, rate=3.0, failed=5, lost=3)


def test_rows_are_compared_with_the_reference_of_their_own_rounds() -> None:
    slower = replace(ROW, server="wxgate", figures=replace(FAST, rate=1500.0))
    assert [row.ratio for row in compared([ROW, slower], "h")] == [1.0, 0.75]
    assert [row.ratio for row in compared([slower], "h")] == [None]


def test_the_table_names_the_reference_of_each_ratio() -> None:
    line = markdown(ROW.against(1600.0, "h"))
    assert line.count("|") == HEAD.splitlines()[0].count("|") == HEAD.splitlines()[1].count("|")
    assert "| 100,000 | 64 | h | 2,000 | 1.25 x h | 3.00 | 6.00 | 50 | 40 | 0 | 0 |" in line
    assert json.loads(as_json(ROW))["figures"]["rate"] == 2000.0
