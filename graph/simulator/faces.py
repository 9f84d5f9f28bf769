"""Made-up pictures for users to choose on the phone: initials on a colour, as PNG.

The centre has no letters, so that a server may crop and encode a picture anew without a change to what the check of
pictures sees: it finds the face "red" risky and "yellow" in need of a review.
"""

import colorsys
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Annotated, Final
from urllib.parse import quote

from pydantic import Field

from graph.simulator.device import Action, ProfileFields, Result, app_and_user
from graph.simulator.protocol import BadRequest
from graph.simulator.state import SimulatorState

# A name may hold a slash.
ROUTE: Final = "/device/faces/{name:path}.png"
NAME_LENGTH: Final = 64
# Pixels. The letters stand in the upper third.
_SIZE: Final = 320
_LETTERS: Final = 72
_COLOURS: Final = {"red": (255, 0, 0), "yellow": (255, 255, 0)}


class FaceFields(ProfileFields):
    face: Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)] | None = None
    deny: bool = False


def choose_avatar(state: SimulatorState, fields: FaceFields) -> Result:
    """The temporary file that the phone makes of the user's choice is a path of the simulator's."""
    _, user = app_and_user(state, fields)
    if fields.deny:
        return {"errMsg": "chooseAvatar:fail cancel"}
    if not can_draw():
        message = "the simulator needs Pillow for this: install wxgate[avatars]"
        raise BadRequest(message)
    user.last_seen = state.clock()
    name = fields.face or fields.user
    return {"errMsg": "chooseAvatar:ok", "avatarUrl": f"/device/faces/{quote(name, safe='')}.png"}


ACTIONS: Final[Mapping[tuple[str, str], Action]] = {
    ("POST", "/device/choose-avatar"): ("chooseAvatar", FaceFields, choose_avatar),
}


def can_draw() -> bool:
    """Whether Pillow is there, which is an extra."""
    try:
        import PIL.Image  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


def draw(name: str) -> bytes:
    """The face of that name, always the same. Raises ImportError without Pillow."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - an extra

    picture = Image.new("RGB", (_SIZE, _SIZE), _COLOURS.get(name) or _colour(name))
    # The font that Pillow brings has no others than these; of a name without them there is the colour alone.
    initials = "".join(word[0] for word in name.split() if word[0].isascii() and word[0].isalnum())[:2].upper()
    position = (_SIZE // 2, _SIZE // 4)
    ImageDraw.Draw(picture).text(position, initials, "white", ImageFont.load_default(_LETTERS), anchor="mm")
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _colour(name: str) -> tuple[int, int, int]:
    # Of any hue, and paler and darker than the two that mean something.
    red, green, blue = colorsys.hsv_to_rgb(zlib.crc32(name.encode()) % 360 / 360, 0.55, 0.7)
    return round(255 * red), round(255 * green), round(255 * blue)
