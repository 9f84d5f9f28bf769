"""What `wxgate doctor` finds of pictures and of what WeChat checks: all but the first upload shows otherwise."""

import ipaddress
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from graph.pictures import load_normalizer
from graph.pictures.errors import ExtraMissing, StoreMisconfigured, StoreUnavailable
from graph.pictures.location import DirectoryLocation, parse_location
from graph.pictures.store import open_store
from graph.settings import Settings

# A subject, and for a fault what is wrong and what to do.
Result = tuple[str, str | None]


async def examine_pictures(settings: Settings) -> AsyncIterator[Result]:
    """The checks of pictures, if users may upload any, and of texts. A file is stored and deleted again."""
    avatars = settings.avatars
    if avatars.store is None:
        yield "pictures: no uploads, WXGATE_AVATARS_STORE is not set", None
    else:
        try:
            load_normalizer()
        except ExtraMissing as error:
            yield "pictures", f"WXGATE_AVATARS_STORE {error}."
        else:
            yield "pictures", None
        location = parse_location(avatars.store)
        is_directory = isinstance(location, DirectoryLocation)
        yield "picture store", await _store_advice(settings)
        if is_directory:
            yield "picture store: a directory, which all replicas must share", None
        advice = _address_advice(avatars.public_url)
        yield "picture addresses", advice
        if advice is None and is_directory:
            for line in _directory_lines(settings, str(avatars.public_url)):
                yield line, None
        for result in _picture_checks(settings):
            yield result
    policy = settings.check.text
    # Only WeChat could tell more, and it checks no text without a user who was in the mini-program lately.
    yield f"text checks: {policy}" + ("" if policy == "off" else ", not tried, which takes a user's openid"), None


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


def _address_advice(public_url: str | None) -> str | None:
    """What keeps WeChat from downloading pictures to check them, and phones from showing them."""
    variable = "WXGATE_AVATARS_PUBLIC_URL"
    if public_url is None:
        return (
            f"{variable} is missing: it is what stands before a picture's name, like https://api.example.com/avatars."
        )
    url = urlsplit(public_url)
    if url.scheme != "https":
        return f"{variable} must begin with https://, or phones do not show pictures."
    host = url.hostname or ""
    try:
        is_public = ipaddress.ip_address(host).is_global
    except ValueError:
        is_public = "." in host.strip(".") and host.rpartition(".")[2] not in {"internal", "local", "localhost"}
    return None if is_public else f"{variable} must name a host that WeChat can reach, for it downloads what it checks."


def _directory_lines(settings: Settings, public_url: str) -> list[str]:
    """What is odd about the addresses of files that the server itself serves; a proxy may make it right."""
    url = urlsplit(public_url)
    host, lines = url.netloc.lower().removesuffix(f":{url.port}"), []
    if not url.path.endswith("/avatars"):
        lines.append(
            "picture addresses: the server has pictures at /avatars, where WXGATE_AVATARS_PUBLIC_URL does not end"
        )
    known = settings.http.allowed_hosts
    if known and not any(host.endswith(name[1:]) if name.startswith("*.") else host == name for name in known):
        lines.append(
            "picture addresses: WXGATE_HTTP_ALLOWED_HOSTS has no room for the host of WXGATE_AVATARS_PUBLIC_URL"
        )
    return lines


def _picture_checks(settings: Settings) -> list[Result]:
    """WeChat's verdicts come by message push alone."""
    policy, apps = settings.check.picture, settings.wechat.mini_programs()
    without = [app.app_id for app in apps if not app.push]
    push = "message push (WXGATE_WECHAT_EVENTS_TOKEN and _AES_KEY)"
    if policy == "off":
        return [("picture checks: off", None)]
    if policy is None and len(without) == len(apps):
        return [(f"picture checks: off without {push}", None)]
    if policy is not None and without:
        return [("picture checks", f"WXGATE_CHECK_PICTURE={policy} needs {push}, which {', '.join(without)} lacks.")]
    lines: list[Result] = [(f"picture checks: {policy or 'after'}", None)]
    return lines + [(f"picture checks: none in {app_id} without {push}", None) for app_id in without]
