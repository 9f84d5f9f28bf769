"""The page "My devices": where the user is signed in, and how they end it there."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.processes import Process
from tests.examples.phone import Phone, SwitchOn, is_live, phone, stored

IPHONE: Final = {
    "hardware": {"brand": "iPhone", "model": "iPhone 15<iPhone15,4>"},
    "agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) MicroMessenger/8.0.50(0x18003237)",
}
OWN_ANDROID: Final = "Xiaomi 2211133C"

Another = Callable[[str], AbstractContextManager[tuple[Phone, str]]]


@pytest.fixture
def another(project: Path, server: Process, tmp_path: Path, request: pytest.FixtureRequest) -> Another:
    """Switches another phone of the same user on, by a name; with the token that it has got."""

    @contextmanager
    def switched_on(name: str) -> Iterator[tuple[Phone, str]]:
        storage = tmp_path / f"{name}.json"
        with phone(project, server, request.node.name[-60:], storage) as theirs:
            theirs.tell("set", **IPHONE)
            theirs.launch("home")
            theirs.sees(".name", "Nameless")
            theirs.calls()
            yield theirs, stored(storage)["wxgate.token"]

    return switched_on


def look(mine: Phone) -> list[str]:
    """The names of the devices, once they are shown."""
    mine.launch("devices")
    mine.sees(".busy", None, page="devices")
    return mine.texts(".device", page="devices")


def test_the_devices_are_shown_with_what_is_known_of_them(switch_on: SwitchOn, another: Another) -> None:
    with switch_on() as mine, another("iPhone"):
        assert sorted(look(mine)) == [OWN_ANDROID, "iPhone 15"]
        assert mine.texts(".here", page="devices") == ["This device"]
        assert mine.texts(".end", page="devices") == ["Sign out"]
        details = mine.texts(".detail", page="devices")
        assert {"Android, WeChat 8.0.48", "iPhone or iPad, WeChat 8.0.50", "Last seen now"} <= set(details)
        label = mine.tell("attribute", page="devices", selector=".end", name="aria-label")
        assert label.startswith("Sign out iPhone 15, Last seen 20")
        assert mine.text(".alone", page="devices") is None


def test_a_device_that_is_signed_out_is_dead_on_the_server(
    switch_on: SwitchOn, another: Another, server: Process, storage: Path
) -> None:
    with switch_on() as mine, another("iPhone") as (theirs, token):
        look(mine)
        mine.calls()
        mine.tap(".end", page="devices")
        mine.sees(".alone", "You are signed in nowhere else.", page="devices")
        assert mine.texts(".device", page="devices") == [OWN_ANDROID]
        assert mine.shown() == ["Sign out iPhone 15?"]
        assert mine.calls() == {"RevokeSession": 1, "Sessions": 1}
        assert not is_live(server, token)
        assert is_live(server, stored(storage)["wxgate.token"])

        # WeChat vouches for its owner, as it does for a phone that is new.
        theirs.tell("open", page="home", **{"as": "again"})
        theirs.sees(".name", "Nameless", page="again")
        assert theirs.calls() == {"Me": 2, "wx.login": 1, "Login": 1}
        mine.tell("pull", page="devices")
        assert sorted(mine.texts(".device", page="devices")) == [OWN_ANDROID, "iPhone 15"]
        assert mine.shown() == ["refreshed"]


def test_a_user_who_thinks_better_of_it_signs_no_device_out(
    switch_on: SwitchOn, another: Another, server: Process
) -> None:
    with switch_on() as mine, another("iPhone") as (_, token):
        look(mine)
        mine.tell("set", agrees=False)
        mine.tap(".end", page="devices")
        mine.tap(".end-others", page="devices")
        assert mine.shown() == ["Sign out iPhone 15?", "Sign out all other devices?"]
        assert mine.calls().keys().isdisjoint({"RevokeSession", "RevokeOtherSessions"})
        assert is_live(server, token)


def test_all_other_devices_are_signed_out_at_once(
    switch_on: SwitchOn, another: Another, server: Process, storage: Path
) -> None:
    with switch_on() as mine, another("one") as (_, one), another("two") as (_, two):
        assert len(look(mine)) == 3
        mine.tap(".end-others", page="devices")
        mine.sees(".alone", "You are signed in nowhere else.", page="devices")
        assert [is_live(server, token) for token in (one, two)] == [False, False]
        assert is_live(server, stored(storage)["wxgate.token"])


def test_what_cannot_be_loaded_can_be_tried_again(switch_on: SwitchOn) -> None:
    with switch_on() as mine:
        mine.launch("home")
        mine.sees(".name", "Nameless")
        mine.tell("set", offline=True)
        mine.tell("open", page="devices")
        mine.sees(".message", "No connection. What you see was known before.", page="devices")
        assert mine.texts(".device", page="devices") == []
        mine.tell("set", offline=False)
        mine.tap(".again", page="devices")
        mine.sees(".alone", "You are signed in nowhere else.", page="devices")
        assert mine.text(".message", page="devices") is None

        mine.tell("set", offline=True)
        mine.tell("pull", page="devices")
        mine.sees(".device", OWN_ANDROID, page="devices")
        assert mine.text(".message", page="devices") is not None


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize(
    ("hardware", "name"),
    [
        ({"brand": "HUAWEI", "model": "HUAWEI 畅享 20, 5G"}, "HUAWEI 畅享 20, 5G"),
        ({"brand": "devtools", "model": "iPhone 12/13 (Pro)"}, "devtools iPhone 12/13 (Pro)"),
        ({"brand": "🎉" * 40, "model": "🎉" * 100}, "🎉" * 64),
        ({}, "Android"),
    ],
    ids=["its brand in its model", "developer tools", "long", "unknown"],
)
def test_a_device_is_called_by_its_brand_and_model(
    switch_on: SwitchOn, hardware: dict[str, Any], name: str, is_old: bool
) -> None:
    with switch_on() as mine:
        mine.tell("set", hardware=hardware, isOld=is_old)
        assert look(mine) == [name]
