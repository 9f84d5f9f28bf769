"""What `wxgate doctor` finds of pictures and of what WeChat checks: all but the first upload shows otherwise."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from graph.cli.doctor_report import Check, fault, fault_if, warning
from graph.pictures import load_normalizer
from graph.pictures.errors import ExtraMissing, StoreMisconfigured, StoreUnavailable
from graph.pictures.location import DirectoryLocation, parse_location
from graph.pictures.store import open_store
from graph.settings import Settings, SettingsError
from graph.settings.pictures import picture_check, require_public_url


async def examine_pictures(settings: Settings) -> AsyncIterator[Check]:
    """The checks of pictures, if users may upload any, and of texts. A file is stored and deleted again."""
    avatars = settings.avatars
    if avatars.store is None:
        yield Check("pictures", "no uploads, WXGATE_AVATARS_STORE is not set")
    else:
        yield fault_if("pictures", _packages_advice())
        location = parse_location(avatars.store)
        is_directory = isinstance(location, DirectoryLocation)
        yield fault_if("picture store", await _store_advice(settings))
        if is_directory:
            yield Check("picture store", "a directory, which all replicas must share")
        advice = _address_advice(settings)
        yield fault_if("picture addresses", advice)
        if advice is None and is_directory:
            for note in _oddities(settings, str(avatars.public_url)):
                yield warning("picture addresses", note)
        for check in _picture_checks(settings):
            yield check
    policy = settings.check.text
    # Only WeChat could tell more, and it checks no text without a user who was in the mini-program lately.
    yield Check("text checks", policy if policy == "off" else f"{policy}, not tried, which takes a user's openid")


def _packages_advice() -> str | None:
    try:
        load_normalizer()
    except ExtraMissing as error:
        return f"WXGATE_AVATARS_STORE {error}."
    return None


async def _store_advice(settings: Settings) -> str | None:
    avatars = settings.avatars
    try:
        store = open_store(
            parse_location(str(avatars.store)),
            public_url=avatars.public_url or "",
            access_key=avatars.s3_access_key,
            secret_key=avatars.s3_secret_key,
        )
        async with store:
            await store.check()
    except ExtraMissing as error:
        return f"WXGATE_AVATARS_STORE {error}."
    except StoreUnavailable as error:
        return f"{error}: does WXGATE_AVATARS_STORE name it, is it running, and has it space?"
    except StoreMisconfigured as error:
        return f"{error}: are WXGATE_AVATARS_STORE and its keys right, and may this server write and delete there?"
    return None


def _address_advice(settings: Settings) -> str | None:
    try:
        require_public_url(settings)
    except SettingsError as error:
        return str(error)
    return None


def _oddities(settings: Settings, public_url: str) -> list[str]:
    """What is odd about the addresses of files that the server itself serves; a proxy may make it right."""
    url = urlsplit(public_url)
    host, notes = url.netloc.lower().removesuffix(f":{url.port}"), []
    if not url.path.endswith("/avatars"):
        notes.append("the server has pictures at /avatars, where WXGATE_AVATARS_PUBLIC_URL does not end")
    known = settings.http.allowed_hosts
    if known and not any(host.endswith(name[1:]) if name.startswith("*.") else host == name for name in known):
        notes.append("WXGATE_HTTP_ALLOWED_HOSTS has no room for the host of WXGATE_AVATARS_PUBLIC_URL")
    return notes


def _picture_checks(settings: Settings) -> list[Check]:
    """WeChat's verdicts come by message push alone."""
    subject, apps = "picture checks", settings.wechat.mini_programs()
    try:
        policy = picture_check(settings, apps)
    except SettingsError as error:
        return [fault(subject, str(error))]
    if policy == "off":
        chosen = settings.check.picture is not None or any(app.push for app in apps)
        return [Check(subject, "off") if chosen else warning(subject, "off, for they need message push")]
    without = [app.app_id for app in apps if not app.push]
    unchecked = [warning(subject, f"none in {app_id}, which has no message push") for app_id in without]
    return [Check(subject, policy), *unchecked]
