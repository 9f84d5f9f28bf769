"""Messages that a user has agreed to receive: templates, consents, and what was sent."""

import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from graph.simulator.fake_values import FakeValues
from graph.simulator.protocol import Errcode, ErrcodeError, require

# Characters. WeChat has rules for each kind of field; these are the two kinds of the one template here.
LIMITS: Final[Mapping[str, int]] = {"thing": 20, "time": 32}
# Of an app: of those before them nothing more can be asked.
MAX_MESSAGES: Final = 500
_FIELD: Final = re.compile(r"\{\{(\w+)\.DATA\}\}")


@dataclass(frozen=True, slots=True)
class Template:
    """`content` names the fields of the data: `{{thing2.DATA}}`."""

    template_id: str
    title: str
    content: str
    example: str

    def check(self, data: Mapping[str, object]) -> None:
        """Raises ErrcodeError with 47003, which names the first field at fault."""
        for name in _FIELD.findall(self.content):
            given = data.get(name)
            value = given.get("value") if isinstance(given, dict) else None
            if value in (None, ""):
                raise ErrcodeError(Errcode.INVALID_DATA, f"argument invalid! data.{name}.value is empty")
            if len(str(value)) > LIMITS[name.rstrip("0123456789")]:
                raise ErrcodeError(Errcode.INVALID_DATA, f"argument invalid! data.{name}.value invalid")


@dataclass(slots=True)
class Subscriptions:
    """Those of one app: each consent is good for one message."""

    templates: dict[str, Template]
    # By openid and template.
    consents: Counter[tuple[str, str]] = field(default_factory=Counter)
    # What the phones have received, the oldest first.
    sent: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=MAX_MESSAGES))

    def send(self, openid: str, template: Template, message: dict[str, object]) -> None:
        """Raises ErrcodeError with 43101."""
        consent = (openid, template.template_id)
        require(self.consents[consent], Errcode.NOT_SUBSCRIBED)
        self.consents[consent] -= 1
        self.sent.append(message)


def with_one_template(fakes: FakeValues, app_id: str) -> Subscriptions:
    """The subscriptions of an app that has chosen a template about sign-ins from WeChat's library."""
    template = Template(
        fakes.derived_text("template", app_id)[:43],
        "登录提醒",
        "登录时间:{{time1.DATA}}\n登录设备:{{thing2.DATA}}\n",
        "登录时间:2026年1月1日 12:00\n登录设备:iPhone\n",
    )
    return Subscriptions({template.template_id: template})
