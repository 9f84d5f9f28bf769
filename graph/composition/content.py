"""Builds what takes, checks and gives out the names and pictures that users give themselves."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from graph.accounts.content_checks import CheckOutcome, ContentKind
from graph.accounts.jobs import Job
from graph.accounts.picture_check import PictureChecks
from graph.accounts.picture_files import PictureFiles
from graph.accounts.profile_update import ProfileUpdates
from graph.accounts.text_check import TextChecks
from graph.accounts.uploads import Uploads
from graph.observability.metrics import Metrics
from graph.pictures import load_normalizer
from graph.pictures.directory import DirectoryStore
from graph.pictures.errors import ExtraMissing, StoreMisconfigured
from graph.pictures.location import parse_location
from graph.pictures.store import PictureStore, open_store
from graph.security.rate_limit import RateLimit
from graph.settings import Settings, SettingsError
from graph.settings.pictures import picture_check
from graph.wechat.client import WeChatClient
from graph.wechat.mini_programs import MiniProgram, MiniPrograms
from models.database import Database

if TYPE_CHECKING:
    from graph.pictures.normalizer import Normalizer

# Clients behind one address, for what an account may send.
_ACCOUNTS_OF_ADDRESS: Final = 10


@dataclass(frozen=True, slots=True)
class ContentParts:
    """`uploads` is None where no pictures are taken, `directory` where the server does not give them out itself.

    `missing` is what they are not taken for although there is a store.
    """

    profile_updates: ProfileUpdates
    picture_checks: PictureChecks
    uploads: Uploads | None
    directory: DirectoryStore | None
    missing: ExtraMissing | None
    jobs: tuple[Job, ...]
    resources: tuple[AbstractAsyncContextManager[object], ...]


def compose_content(
    settings: Settings,
    served: Sequence[MiniProgram],
    *,
    wechat: WeChatClient,
    database: Database,
    apps: MiniPrograms,
    metrics: Metrics,
    rate_limit: Callable[[str, str, int], RateLimit],
    freed: Callable[[], None],
    now: Callable[[], int],
) -> ContentParts:
    """The parts that these settings describe. `freed` is called when a file may be deleted.

    `rate_limit` makes one by its name, its rates and how many times of them. Raises `SettingsError`.
    """

    def counted(kind: ContentKind, outcome: CheckOutcome) -> None:
        metrics.content_checks.labels(kind, outcome.value).inc()

    def deleted(is_gone: bool) -> None:
        metrics.files_deleted.labels("deleted" if is_gone else "failed").inc()

    store: PictureStore | None = None
    normalizer: Normalizer | None = None
    missing: ExtraMissing | None = None
    try:
        store = _open_store(settings)
        normalizer = load_normalizer() if store else None
    except ExtraMissing as error:
        missing = error
    text_checks = TextChecks(
        wechat=wechat, database=database, apps=apps, policy=settings.check.text, counted=counted, now=now
    )
    picture_checks = PictureChecks(
        wechat=wechat,
        database=database,
        apps=apps,
        policy=picture_check(settings, served),
        counted=counted,
        freed=freed,
        now=now,
    )
    profile_updates = ProfileUpdates(
        database=database,
        text_checks=text_checks,
        picture_checks=picture_checks,
        url_of=store.url if store and normalizer else None,
        address_rate_limit=rate_limit("profile", settings.rate_limit.submit, 1),
        account_rate_limit=rate_limit("profile", settings.rate_limit.upload, 1),
        freed=freed,
        now=now,
    )
    uploads = (
        store
        and normalizer
        and Uploads(
            database=database,
            normalizer=normalizer,
            store=store,
            address_rate_limit=rate_limit("upload", settings.rate_limit.upload, _ACCOUNTS_OF_ADDRESS),
            account_rate_limit=rate_limit("upload", settings.rate_limit.upload, 1),
            max_bytes=settings.avatars.max_bytes,
            freed=freed,
            now=now,
        )
    )
    files = [PictureFiles(database=database, store=store, deleted=deleted, now=now).job()] if store else []
    return ContentParts(
        profile_updates=profile_updates,
        picture_checks=picture_checks,
        uploads=uploads or None,
        missing=missing,
        directory=store if isinstance(store, DirectoryStore) else None,
        jobs=(text_checks.job(), picture_checks.job(), *files),
        resources=(*([store] if store else []), *([normalizer] if normalizer else []), picture_checks),
    )


def _open_store(settings: Settings) -> PictureStore | None:
    """None where no pictures are kept. Raises `ExtraMissing`, `SettingsError`."""
    avatars = settings.avatars
    if avatars.store is None or avatars.public_url is None:
        return None
    location = parse_location(avatars.store)
    access_key, secret_key = avatars.s3_access_key, avatars.s3_secret_key
    try:
        return open_store(location, public_url=avatars.public_url, access_key=access_key, secret_key=secret_key)
    except StoreMisconfigured as error:
        msg = f"WXGATE_AVATARS_STORE: {error.reason}."
    raise SettingsError(msg)
