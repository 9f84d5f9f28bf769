"""What `wxgate dev` prints: where everything is, and how to sign in."""

import os
import textwrap
import time
from dataclasses import dataclass

import click

from graph.http.explorer_page import is_built
from graph.http.home_page import first_login
from graph.wechat.client import BASE_URL


@dataclass(frozen=True, slots=True)
class Banner:
    """`network_url` is the address for other machines, where there is another; `explorer` whether it is switched on."""

    url: str
    network_url: str | None
    app_ids: tuple[str, ...]
    wechat_url: str
    is_simulated: bool
    explorer: bool
    database: str
    data: str

    def print(self) -> None:
        """Before the server starts, so that its log stands below."""
        _print(
            "\n  " + click.style("wxgate dev", fg="green", bold=True) + "  " + click.style(self._warning(), fg="yellow")
        )
        _print("")
        for name, text in self._rows():
            _print(f"  {click.style(f'{name:<9}', dim=True)} {text}")
        _print("\n  " + click.style(self._invitation(), bold=True) + "\n")
        _print(textwrap.indent(first_login(self.url, simulated=self.is_simulated), "    "))

    def print_ready(self, started_at: float) -> None:
        """`started_at` is by `time.perf_counter`."""
        seconds = time.perf_counter() - started_at
        ready = click.style(f"Ready in {seconds:.1f} s", fg="green", bold=True)
        _print(f"  {ready}: open {click.style(f'{self.url}/', fg='cyan', underline=True)}   Ctrl+C stops.\n")

    def _warning(self) -> str:
        risk = "sign in as anyone of the simulator" if self.is_simulated else "use the explorer and read the schema"
        return f"FOR DEVELOPMENT ONLY. Anyone who can reach this port can {risk}."

    def _rows(self) -> list[tuple[str, str]]:
        further = [("", app_id) for app_id in self.app_ids] if len(self.app_ids) > 1 else []
        built = f"{self.url}/graphiql" if is_built() else f"not built: {self.url}/graphiql has the reason"
        network = [("network", f"{self.network_url}/")] if self.network_url else []
        return [
            ("open", f"{self.url}/"),
            *network,
            ("GraphQL", f"{self.url}/graphql"),
            ("explorer", built if self.explorer else "off: WXGATE_GRAPHIQL"),
            ("WeChat", self._wechat()),
            *further,
            ("database", self.database),
            ("keys", self.data),
        ]

    def _wechat(self) -> str:
        if self.is_simulated:
            return f"simulated at {self.wechat_url}"
        where = "the real one" if self.wechat_url == BASE_URL else "the one at WXGATE_WECHAT_BASE_URL"
        return f"{where}, as {self.app_ids[0]}" if len(self.app_ids) == 1 else f"{where}, as"

    def _invitation(self) -> str:
        if self.is_simulated:
            return "A first login to paste:"
        return "A login, with a code of wx.login from a phone or WeChat's developer tools:"


def _print(text: str) -> None:
    """Colours are for terminals, and for those who want some (https://no-color.org)."""
    click.echo(text, color=False if os.environ.get("NO_COLOR") else None)
