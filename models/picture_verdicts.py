"""What becomes of a picture, and of the profile that shows it, when WeChat or an operator has judged it."""

from dataclasses import dataclass, replace
from typing import Literal

from models.audit_log import Audited, record, recorded
from models.database import Database, Steps
from models.errors import Conflict
from models.files_to_delete import plan_deletion
from models.pictures import PictureState, retire_pictures, select_picture, set_verdict
from models.profiles import read_sources, with_picture, without_avatar, write_profile
from models.users import require_user


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whose picture it is, whether it has not been replaced, was judged otherwise before, and is shown now."""

    user_id: str
    is_current: bool
    changed: bool
    shown: bool


async def judge_picture(
    database: Database,
    picture_id: str,
    *,
    state: PictureState,
    label: int | None,
    shows: Literal["after", "before"],
    entry: Audited | None,
    now: int,
) -> Verdict | None:
    """As `apply_verdict`, in a transaction of its own. Raises `DatabaseError`."""
    return await database.transaction(
        lambda: apply_verdict(picture_id, state=state, label=label, shows=shows, entry=entry, now=now)
    )


def apply_verdict(
    picture_id: str,
    *,
    state: PictureState,
    label: int | None,
    shows: Literal["after", "before"],
    entry: Audited | None,
    now: int,
) -> Steps[Verdict | None]:
    """Stores what a picture was found to be, and shows or hides it; None when it is gone.

    REFUSED is final, for the file goes; what is SHOWN can be refused, but not become doubtful again. Of one that was
    replaced only the row changes. `label` None is an operator's, who has the last word: it keeps WeChat's label, and
    what WeChat's check finds later counts for nothing. Where the picture is doubtful, `shows` decides whether
    it is shown meanwhile; one that is shown already stays so. `entry` is recorded, with the user and the mini-program,
    when a picture that is not replaced has another state now.
    """
    found = yield from select_picture(picture_id)
    if found is None:
        return None
    user = yield from require_user(found[0].user_id)
    found = yield from select_picture(picture_id)
    if found is None:
        return None
    picture, is_current = found
    if picture.user_id != user.id:
        msg = "the picture is another user's"
        raise Conflict(msg)
    sources = yield from read_sources(user.id)
    # A server of the version before, which does not know names of files, may have put another address there.
    is_shown = sources.avatar_name == picture.name and user.avatar_url == picture.url
    if entry is not None and (yield from recorded(entry.id)) is not None:  # of the same call, whose COMMIT was lost
        return Verdict(user.id, is_current, changed=True, shown=is_shown)
    refused = state is PictureState.REFUSED
    is_final = picture.state is PictureState.REFUSED or (picture.state is PictureState.SHOWN and not refused)
    if is_final or picture.state is state:
        return Verdict(user.id, is_current, changed=False, shown=is_shown)
    by_operator, label = label is None, picture.label if label is None else label
    yield from set_verdict(picture.id, state=state, label=label, is_last=by_operator, now=now)
    if refused:
        if is_current:  # else it was planned when another one took its place
            yield from plan_deletion([picture.name], now)
        if is_shown:
            yield from write_profile(*without_avatar(user, sources), now=now)
            is_shown = False
    elif is_current and not is_shown and (state is PictureState.SHOWN or shows == "after"):
        yield from retire_pictures(user.id, but=picture.name, now=now)
        yield from write_profile(*with_picture(user, sources, picture.name, picture.url), now=now)
        is_shown = True
    if is_current and entry is not None:
        entry = replace(entry, user_id=user.id, app_id=picture.app_id, detail={"label": label})
        yield from record(entry)
    return Verdict(user.id, is_current, changed=True, shown=is_shown)
