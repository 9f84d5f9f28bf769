"""Reads figures as Prometheus does: over HTTP, from the port that they are served on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from graph.settings import MetricsSettings
from tests.secret_patterns import secrets_in

Figures = dict[tuple[str, ...], float]

# What a scrape may take; only a defect takes that long.
PATIENCE: Final = 30.0


@dataclass
class Scrape:
    """All figures of one moment."""

    text: str

    def figures(self, name: str) -> Figures:
        """The samples of this name, by the values of their labels, which are in the order of their names."""
        return {
            tuple(sample.labels.values()): sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
            if sample.name == name
        }

    def names(self) -> set[str]:
        """The names of all samples."""
        return {sample.name for family in text_string_to_metric_families(self.text) for sample in family.samples}


async def scrape(settings: MetricsSettings) -> Scrape:
    """The figures that are served; they never hold a secret."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        response = await http.get(f"http://{settings.host}:{settings.port}/metrics")
    assert response.status_code == 200
    assert secrets_in(response.text) == []
    return Scrape(response.text)


async def until(what: Callable[[Scrape], bool], settings: MetricsSettings) -> Scrape:
    """The first figures of which it is true."""
    async with asyncio.timeout(PATIENCE):
        while not what(found := await scrape(settings)):  # noqa: ASYNC110 - no event announces it
            await asyncio.sleep(0.02)
    return found
