"""How often an app may call each endpoint in a day, and how often it has."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Final

from graph.simulator.protocol import Errcode, require

# As WeChat documents them. Those of the others are not recorded, but a round number.
DAILY_LIMITS: Final[Mapping[str, int]] = {
    "/wxa/msg_sec_check": 2_000_000,
    "/wxa/media_check_async": 200_000,
    "/wxa/img_sec_check": 200_000,
    "/wxa/generatescheme": 500_000,
    "/wxa/generate_urllink": 500_000,
    "/cgi-bin/message/subscribe/send": 10_000_000,
}
USUAL_LIMIT: Final = 1_000_000
CLEARED_PER_MONTH: Final = 10
# WeChat's days begin at midnight in China.
_CHINA: Final = timezone(timedelta(hours=8))


class Quotas:
    """Those of one app: its calls with an access token that is alive, whatever came of them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        # By path, in place of what WeChat gives every app.
        self.limits = dict[str, int]()
        self._used = Counter[str]()
        self._day = ""
        self._cleared = Counter[str]()

    def spend(self, path: str) -> None:
        """Raises ErrcodeError with 45009 once the day's calls are used up."""
        require(self.used(path) < self.limit(path), Errcode.DAILY_QUOTA)
        self._used[path] += 1

    def limit(self, path: str) -> int:
        return self.limits.get(path, DAILY_LIMITS.get(path, USUAL_LIMIT))

    def used(self, path: str) -> int:
        if self._day != (today := self._date().strftime("%F")):
            self._day, self._used = today, Counter()
        return self._used[path]

    def clear(self) -> None:
        """Ten times a month. Raises ErrcodeError with 48006 after that."""
        month = self._date().strftime("%Y-%m")
        require(self._cleared[month] < CLEARED_PER_MONTH, Errcode.CLEARED_TOO_OFTEN)
        self._cleared = Counter({month: self._cleared[month] + 1})
        self._used.clear()

    def _date(self) -> datetime:
        return datetime.fromtimestamp(self._now(), _CHINA)
