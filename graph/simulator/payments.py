"""Payments that users have made, for as long as they identify the user to the server."""

from collections.abc import Callable
from typing import Final

from graph.simulator.fake_values import FakeValues
from graph.simulator.users import User

REMEMBERED_FOR: Final = 300.0


class Payments:
    """Those of one app, and so of one merchant. There is no money in it: only who has paid counts."""

    def __init__(self, fakes: FakeValues, now: Callable[[], float], *, mch_id: str) -> None:
        self.mch_id = mch_id
        self._fakes = fakes
        self._now = now
        # By WeChat's number of the payment: the merchant's own number, the user, and when. The oldest comes first.
        self._made: dict[str, tuple[str, User, float]] = {}

    def make(self, user: User, out_trade_no: str | None = None) -> tuple[str, str]:
        """WeChat's number of the payment, and the merchant's, which is made up where none is given."""
        self._forget()
        transaction_id = self._fakes.payment()
        self._made[transaction_id] = (out_trade_no or self._fakes.payment(), user, self._now())
        return transaction_id, self._made[transaction_id][0]

    def payer(self, transaction_id: str | None, mch_id: str | None, out_trade_no: str | None) -> User | None:
        """By either number; the merchant's goes with its id."""
        self._forget()
        for number, (own, user, _) in self._made.items():
            if number == transaction_id or (own == out_trade_no and mch_id == self.mch_id):
                return user
        return None

    def _forget(self) -> None:
        while self._made and self._now() - next(iter(self._made.values()))[2] > REMEMBERED_FOR:
            del self._made[next(iter(self._made))]
