"""Made-up pictures for users to choose on the phone: faces in a colour of each name's own, as PNG.

The centre has nothing but the colour, so that a server may crop and encode a picture anew without a change to what the
check of pictures sees: it finds the face "red" risky and "yellow" in need of a review.
"""

from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import quote

from pydantic import Field

from graph.simulator.device import Action, ProfileFields, Result, app_and_user
from graph.simulator.pictures import load_images
from graph.simulator.protocol import BadRequest
from graph.simulator.state import SimulatorState

# A name may hold a slash.
ROUTE: Final = "/device/faces/{name:path}.png"
NAME_LENGTH: Final = 64


class FaceFields(ProfileFields):
    face: Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)] | None = None
    deny: bool = False


def choose_avatar(state: SimulatorState, fields: FaceFields) -> Result:
    """The temporary file that the phone makes of the user's choice is a path of the simulator's."""
    _, user = app_and_user(state, fields)
    if fields.deny:
        return {"errMsg": "chooseAvatar:fail cancel"}
    if load_images() is None:
        message = "the simulator needs Pillow for this: install wxgate[avatars]"
        raise BadRequest(message)
    user.last_seen = state.clock()
    name = fields.face or fields.user
    return {"errMsg": "chooseAvatar:ok", "avatarUrl": f"/device/faces/{quote(name, safe='')}.png"}


ACTIONS: Final[Mapping[tuple[str, str], Action]] = {
    ("POST", "/device/choose-avatar"): ("chooseAvatar", FaceFields, choose_avatar),
}
