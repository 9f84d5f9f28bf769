"""The page at the simulator's root: every endpoint, the users, and what happened last. It needs no script."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from graph.simulator.descriptions import OF_DEVICE, OF_WECHAT
from graph.simulator.device import Action
from graph.simulator.endpoints import ENDPOINTS
from graph.simulator.journal import Call, name_of
from graph.simulator.openapi import PATH, base_url
from graph.simulator.protocol import Fields
from graph.simulator.state import SimulatorState

MAX_CALLS_SHOWN: Final = 20
_ICON: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E"
    "%3Crect width='8' height='8' rx='2' fill='%2305713a'/%3E%3C/svg%3E"
)
_CURL: Final = """curl -s -X POST {base}/device/login
curl -s {base}/device/phone-number -d '{{"user":"Han Meimei"}}'
curl -s {base}/device/faults -d '{{"kind":"errcode","path":"/sns/jscode2session","errcode":45011}}'
curl -s {base}/device/advance -d '{{"seconds":301}}'
curl -s {base}/device/calls"""


class Page:
    """One rendering, in one of the two languages."""

    def __init__(self, state: SimulatorState, request: Request, actions: Mapping[tuple[str, str], Action]) -> None:
        self._state = state
        self._acts = actions
        self._base = base_url(request)
        preferred = request.headers.get("accept-language", "").startswith("zh")
        self._is_chinese = request.query_params.get("lang", "zh" if preferred else "en") == "zh"

    def response(self) -> Response:
        hashed = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
        policy = (
            f"default-src 'none'; style-src 'sha256-{hashed}'; img-src data:; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'self'"
        )
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        return HTMLResponse(self._html(), headers={**headers, "Vary": "Accept-Language"})

    def _html(self) -> str:
        language, other = ("zh-CN", "en") if self._is_chinese else ("en", "zh")
        title = self._in("WeChat, simulated", "模拟微信")
        switch = (
            '<a href="?lang=en" lang="en">English</a>' if other == "en" else '<a href="?lang=zh" lang="zh">中文</a>'
        )
        intro = self._in(
            "WeChat's server API and the phones of its users, offline. For development and tests only: anyone who can "
            "reach this address can sign in as anyone here.",
            "离线模拟的微信服务端接口与用户手机，仅供开发和测试：能访问此地址的任何人都可以用任意身份登录。",
        )
        return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title} · wxgate</title>
<link rel="icon" href="{_ICON}">
<style>{_style()}</style>
</head>
<body>
<header><h1>{title}</h1><nav>{switch}</nav></header>
<main>
<p>{intro}</p>
<pre tabindex="0">{escape(_CURL.format(base=self._base))}</pre>
<p class="soft">{self._links()}</p>
{self._world()}
{self._section("Last calls", "最近的调用", self._calls())}
{self._section("WeChat's side", "微信服务端", self._endpoints())}
{self._section("The phone's side", "手机一侧", self._actions())}
</main>
</body>
</html>
"""

    def _in(self, english: str, chinese: str) -> str:
        return chinese if self._is_chinese else english

    def _section(self, english: str, chinese: str, content: str) -> str:
        return f"<section><h2>{self._in(english, chinese)}</h2>{content}</section>"

    def _links(self) -> str:
        shown = {
            PATH: "OpenAPI",
            "/device/calls": self._in("journal", "调用记录"),
            "/device/users": self._in("users", "用户"),
            "/device/apps": self._in("mini-programs", "小程序"),
            "/device/faults": self._in("faults", "故障"),
        }
        return " · ".join(f'<a href="{path.removeprefix("/")}">{name}</a>' for path, name in shown.items())

    def _world(self) -> str:
        none = self._in("none so far", "暂无")
        faults = [
            f"{fault.kind} {fault.path or ''} × {fault.times or '∞'}".replace("  ", " ")
            for fault in self._state.faults.active()
        ]
        lists = {
            self._in("Mini-programs", "小程序"): [app.app_id for app in self._state.apps.values()],
            self._in("Users", "用户"): [account.name for account in self._state.accounts][:50],
            self._in("Faults ordered", "已设置的故障"): faults,
        }
        rows = ((escape(name), escape(", ".join(values)) or none) for name, values in lists.items())
        return self._section("Now", "当前状态", _table((), rows))

    def _calls(self) -> str:
        calls = self._state.journal.newest(MAX_CALLS_SHOWN)
        if not calls:
            return f"<p class=soft>{self._in('None so far.', '暂无。')}</p>"
        head = (
            self._in("Time (UTC)", "时间 (UTC)"),
            self._in("Call", "调用"),
            "HTTP",
            "errcode",
            self._in("User", "用户"),
        )
        return _table(head, (self._call(call) for call in calls), "timed")

    def _call(self, call: Call) -> tuple[str, ...]:
        at = datetime.fromtimestamp(call.at / 1000, UTC)
        shown = {
            f"{call.method} {call.path}": call.query,
            self._in("body", "请求体"): call.body,
            self._in("answer", "应答"): call.answer,
        }
        bodies = escape(json.dumps(shown, ensure_ascii=False, indent=1))
        fault = f" ({call.fault})" if call.fault else ""
        return (
            f"<code>{at:%H:%M:%S}</code>",
            f"<details><summary>{escape(name_of(call) + fault)}</summary><pre>{bodies}</pre></details>",
            *("" if each is None else escape(str(each)) for each in (call.status, call.errcode, call.user)),
        )

    def _endpoints(self) -> str:
        described = ((path, OF_WECHAT[path]) for path in ENDPOINTS)
        rows = (
            (
                f"<code>{escape(f'{each.method} {path}')}</code>",
                escape(each.name),
                escape(self._in(each.english, each.chinese)),
                str(self._state.calls[path]),
            )
            for path, each in described
        )
        head = (self._in("Path", "路径"), "API", self._in("What it does", "作用"), self._in("Calls", "次数"))
        return _table(head, rows, "stacked")

    def _actions(self) -> str:
        def named(fields: type[Fields]) -> str:
            return ", ".join(field.alias or name for name, field in fields.model_fields.items())

        rows = (
            (
                f"<code>{method} {path}</code>",
                f"{escape(self._in(each.english, each.chinese))}"
                f'<span class="fields">{escape(named(self._acts[method, path][1]))}</span>',
            )
            for (method, path), each in OF_DEVICE.items()
        )
        return _table(
            (self._in("Path", "路径"), self._in("What it does, and its fields", "作用与字段")), rows, "stacked"
        )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], kind: str = "") -> str:
    """Cells are HTML. It can be scrolled by itself, with the keyboard too."""
    heads = f"<tr>{''.join(f'<th scope=col>{cell}</th>' for cell in head)}</tr>" if head else ""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide" tabindex="0"><table class="{kind}">{heads}{body}</table></div>'


@cache
def _style() -> str:
    return Path(__file__).with_name("page.css").read_text("utf-8")
