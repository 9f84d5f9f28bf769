"""A device as its client describes it: shown to its user, and never decided upon."""

from enum import IntEnum
from typing import Final, NamedTuple


class Platform(IntEnum):
    """Systems that WeChat runs on, by what `sessions.platform` holds; 0 where earlier versions wrote the row."""

    OTHER = 0
    IOS = 1
    ANDROID = 2
    HARMONY = 3
    WINDOWS = 4
    MAC = 5
    DEVTOOLS = 6


class Device(NamedTuple):
    """Columns of `sessions`, by their names; what is not known is empty.

    `device` is a label of at most 64 characters, versions have at most 16. `platform` is a `Platform`, or a number that
    a later version wrote.
    """

    device: str = ""
    platform: int = Platform.OTHER
    wechat_version: str = ""
    app_version: str = ""


UNKNOWN_DEVICE: Final = Device()
