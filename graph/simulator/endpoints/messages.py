"""Messages to users, one for each consent that they gave."""

from starlette.requests import Request

from graph.simulator.endpoints.requests import OK, Answer, authorised_get, authorised_post
from graph.simulator.protocol import Errcode, ErrcodeError, require
from graph.simulator.state import SimulatorState


def send(state: SimulatorState, request: Request, body: bytes) -> Answer:
    app, fields = authorised_post(state, request, body, Errcode.REQUIRE_POST)
    user = app.users.by_openid(fields.get("touser"))
    template = app.subscriptions.templates.get(str(fields.get("template_id")))
    if template is None:
        raise ErrcodeError(Errcode.INVALID_TEMPLATE)
    page, data = fields.get("page", ""), fields.get("data")
    if not isinstance(page, str) or not isinstance(data, dict):
        raise ErrcodeError(Errcode.INVALID_DATA)
    # This page may have a query.
    require(not page or app.has_page(page.partition("?")[0]), Errcode.INVALID_PAGE)
    template.check(data)
    message: dict[str, object] = {
        "app": app.app_id,
        "user": user.account.name,
        "templateId": template.template_id,
        "page": page,
        "data": data,
    }
    app.subscriptions.send(user.openid, template, message)
    return {**OK}


def gettemplate(state: SimulatorState, request: Request, _body: bytes) -> Answer:
    app = authorised_get(state, request)
    templates = [
        {
            "priTmplId": template.template_id,
            "title": template.title,
            "content": template.content,
            "example": template.example,
            # Of those for one message each.
            "type": 2,
        }
        for template in app.subscriptions.templates.values()
    ]
    return {**OK, "data": templates}
