"""Shows users the picture that they uploaded last, and what its check has found."""

from dataclasses import dataclass

from models.database import Database
from models.pictures import PictureState, find_picture


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """What is shown of a picture: `url` is None once it is refused. `created_at` in epoch milliseconds."""

    url: str | None
    state: PictureState
    created_at: int


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Pictures:
    database: Database

    async def of(self, user_id: str) -> ShownPicture | None:
        """The newest that the user has saved, if any. Raises `DatabaseError`."""
        picture = await find_picture(self.database, user_id)
        if picture is None:
            return None
        url = None if picture.state is PictureState.REFUSED else picture.url
        return ShownPicture(url, picture.state, picture.created_at)
