"""`GET /` in `wxgate dev`: what this server is, and where to go from here. It needs no script and no Node.js."""

import base64
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

_ICON: Final = Path(__file__).with_name("favicon.svg")
_STYLE: Final = Path(__file__).with_name("home_page.css")
# Signs of a URL that mean nothing within quotes of a shell, of JavaScript or of HTML.
_PLAIN_URL: Final = re.compile(r"[A-Za-z0-9:/.\[\]_-]+")
_SIMULATED_CODE: Final = """\
CODE=$(curl -s -X POST '{url}/simulator/device/login' | sed 's/.*"code":"\\([^"]*\\)".*/\\1/')
"""
_LOGIN: Final = """\
curl -s '{url}/graphql' -H 'Content-Type: application/json' -d \\
  '{{"query":"mutation($code:String!){{login(code:$code){{token user{{id}}}}}}","variables":{{"code":"'$CODE'"}}}}'
"""
_MINI_PROGRAM: Final = """\
wx.login({{
  success: ({{ code }}) =>
    wx.request({{
      url: '{url}/graphql',
      method: 'POST',
      data: {{ query: 'mutation($code:String!){{login(code:$code){{token user{{id}}}}}}', variables: {{ code }} }},
      success: ({{ data }}) => console.log(data),
    }}),
}})
"""
# By path: the way there, what it is called and what it is, in both languages.
_WAYS: Final[Mapping[str, tuple[str, str, str, str, str]]] = {
    "/graphiql": (
        "graphiql",
        "Explorer",
        "调试页",
        "GraphiQL for this server. Where WeChat is simulated, a phone stands beside it: sign in with a click.",
        "本服务的 GraphiQL。模拟微信时旁边有一部手机：点一下即可登录。",
    ),
    "/phone": (
        "phone",
        "Phone",
        "手机",
        "The example mini-program, run in the browser, with WeChat's consent sheets.",
        "在浏览器中运行的示例小程序，带有微信的授权弹窗。",
    ),
    "/simulator": (
        "simulator/",
        "Simulator",
        "模拟微信",
        "WeChat and its phones: every endpoint, the last calls, faults to order.",
        "微信服务端与用户手机：全部接口、最近的调用、可设置的故障。",
    ),
    "/schema.graphql": (
        "schema.graphql",
        "Schema",
        "Schema",
        "Everything a client can ask, with the errors of each operation, for code generators.",
        "客户端可以使用的全部操作及其错误码，供代码生成工具使用。",
    ),
}


@dataclass(frozen=True, slots=True)
class HomePage:
    """`paths` are those that the server has, `app_ids` the mini-programs that it serves."""

    paths: Collection[str]
    app_ids: Sequence[str]

    def routes(self) -> list[Route]:
        """The page and its icon."""
        icons = [Route(path, _icon, methods=["GET"]) for path in ("/favicon.svg", "/favicon.ico")]
        return [Route("/", self.answer, methods=["GET"]), *icons]

    async def answer(self, request: Request) -> Response:
        hashed = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
        policy = (
            f"default-src 'none'; style-src 'sha256-{hashed}'; img-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}
        return HTMLResponse(self._html(request), headers={**headers, "Vary": "Accept-Language"})

    def _html(self, request: Request) -> str:
        preferred = request.headers.get("accept-language", "").startswith("zh")
        is_chinese = request.query_params.get("lang", "zh" if preferred else "en") == "zh"

        def spoken(english: str, chinese: str) -> str:
            return chinese if is_chinese else english

        ways = "".join(
            f'<li><a href="{way}"><strong>{spoken(name, zh_name)}</strong>{spoken(what, zh_what)}</a></li>'
            for path, (way, name, zh_name, what, zh_what) in _WAYS.items()
            if path in self.paths
        )
        url = _own_url(request)
        simulated = "/simulator" in self.paths
        curl = f"<pre tabindex=0>{escape(first_login(url, simulated=simulated))}</pre>"
        codes = spoken(
            "WeChat is the real one here: codes come from wx.login, on a phone or in WeChat's developer tools.",
            "这里连接的是真实的微信：code 来自手机或微信开发者工具中的 wx.login。",
        )
        facts = {
            "GraphQL": f"{url}/graphql",
            spoken("Pictures", "图片上传"): f"POST {url}/uploads/avatar",
            spoken("Mini-programs", "小程序"): ", ".join(self.app_ids),
            spoken("Example", "示例小程序"): "examples/miniprogram",
        }
        intro = spoken(
            "The sign-in and user back end of WeChat mini-programs, as one GraphQL server.",
            "微信小程序的登录与用户后端，一个 GraphQL 服务。",
        )
        warning = spoken(
            "This server is for development: it is open to all who reach it, and has no TLS.",
            "本服务仅供开发：能访问它的人都可以使用，且没有 TLS。",
        )
        switch = spoken('<a href="?lang=zh" lang="zh">中文</a>', '<a href="?lang=en" lang="en">English</a>')
        return f"""<!doctype html>
<html lang="{spoken("en", "zh-CN")}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>wxgate</title>
<link rel="icon" href="favicon.svg" type="image/svg+xml">
<style>{_style()}</style>
</head>
<body>
<header><img src="favicon.svg" alt=""><h1>wxgate</h1><nav>{switch}</nav></header>
<main>
<p>{intro} <span class="soft">{warning}</span></p>
<ul class="ways">{ways}</ul>
<h2>{spoken("Sign in with curl", "用 curl 登录")}</h2>
{curl if simulated else f"<p>{codes}</p>{curl}"}
<h2>{spoken("Sign in from a mini-program", "在小程序中登录")}</h2>
<pre tabindex=0>{escape(_MINI_PROGRAM.format(url=url))}</pre>
<h2>{spoken("This server", "本服务")}</h2>
<dl>{"".join(f"<dt>{name}</dt><dd><code>{escape(fact)}</code></dd>" for name, fact in facts.items())}</dl>
</main>
</body>
</html>
"""


def first_login(url: str, *, simulated: bool) -> str:
    """Lines for a shell that sign in at this server: a user of its simulator, or the one whose code is put in."""
    code = _SIMULATED_CODE if simulated else "CODE=0a1...\n"
    return (code + _LOGIN).format(url=url)


def _own_url(request: Request) -> str:
    """This server's address, as the client has it."""
    url = str(request.base_url).rstrip("/")
    return url if _PLAIN_URL.fullmatch(url) else "http://127.0.0.1:8000"


async def _icon(_request: Request) -> Response:
    # An SVG can have a script, where it is opened by itself.
    headers = {"Cache-Control": "max-age=86400", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(_ICON.read_bytes(), headers=headers, media_type="image/svg+xml")


@cache
def _style() -> str:
    return _STYLE.read_text("utf-8")
