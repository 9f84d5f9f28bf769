"""`wxgate doctor` on pictures: whether the store takes one, whether WeChat can see it, and what is not checked."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import invoke
from tests.processes import free_port, serve_environment
from tests.secret_patterns import secrets_in
from tests.server import APP_ID
from tests.settings.environment import S3_ACCESS_KEY, S3_SECRET_KEY
from tests.wechat.pushes import VARIABLES

OTHER_APP: Final = "wx00c1f0c9be2d3784"
PUBLIC: Final = "https://api.example.com/avatars"

Doctor = Callable[..., dict[str, str]]

pytestmark = pytest.mark.usefixtures("root_logger_as_before")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "avatars"
    path.mkdir()
    return path


@pytest.fixture
def doctor(wechat_simulator: WeChatSimulator, tmp_path: Path, directory: Path) -> Doctor:
    """Runs the command where pictures are kept in a directory, but for the given variables; its lines by subject.

    Of warnings a subject may have several: there the whole line is the key.
    """
    well = serve_environment(wechat_simulator, f"sqlite://{tmp_path}/wxgate.db")
    assert invoke("migrate", **well).exit_code == 0
    pictures = {"WXGATE_AVATARS_STORE": f"file://{directory}", "WXGATE_AVATARS_PUBLIC_URL": PUBLIC}

    def examine(**variables: str) -> dict[str, str]:
        result = invoke("doctor", **{**well, **pictures, **variables})
        assert secrets_in(result.output) == []
        assert "Qx7" not in result.output
        found = {}
        for line in result.output.splitlines():
            level, _, rest = line.partition("  ")
            subject, _, advice = rest.strip().partition("  ")
            found[f"{subject}: {advice}" if level == "WARN" else subject] = f"{level}{advice}".removeprefix("ok")
        assert result.exit_code == any(text.startswith("FAULT") for text in found.values())
        return found

    return examine


def test_a_store_that_takes_and_deletes_a_file_is_well(doctor: Doctor, directory: Path) -> None:
    found = doctor()
    assert found["pictures"] == found["picture store"] == found["picture addresses"] == ""
    assert "picture store: a directory, which all replicas must share" in found
    assert [*directory.iterdir()] == []


def test_a_store_that_takes_nothing_is_a_fault(doctor: Doctor, directory: Path) -> None:
    directory.rmdir()
    directory.write_text("no directory", "utf-8")
    assert doctor()["picture store"].startswith("FAULTthe store of pictures ")
    directory.unlink()


def test_a_bucket_that_does_not_answer_is_a_fault_without_its_keys(doctor: Doctor) -> None:
    bucket = f"s3://pictures/avatars?endpoint=http://127.0.0.1:{free_port()}&region=us-east-1&style=path"
    keys = {"WXGATE_AVATARS_S3_ACCESS_KEY": S3_ACCESS_KEY, "WXGATE_AVATARS_S3_SECRET_KEY": S3_SECRET_KEY}
    found = doctor(WXGATE_AVATARS_STORE=bucket, **keys)
    assert "is it running" in found["picture store"]
    assert "picture store: a directory, which all replicas must share" not in found
    assert "are WXGATE_AVATARS_STORE and its keys right" in doctor(WXGATE_AVATARS_STORE=bucket)["picture store"]


@pytest.mark.parametrize(
    ("module", "extra", "subject"),
    [
        ("graph.pictures.normalizer", "avatars", "pictures"),
        ("python_multipart", "avatars", "pictures"),
        ("graph.pictures.s3", "s3", "picture store"),
    ],
    ids=["pictures", "forms", "bucket"],
)
def test_a_missing_package_is_named(
    module: str, extra: str, subject: str, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    bucket = "s3://pictures?endpoint=https://cos.example.com&region=here&style=virtual"
    found = doctor(**({"WXGATE_AVATARS_STORE": bucket} if extra == "s3" else {}))
    assert found[subject] == f"FAULTWXGATE_AVATARS_STORE needs another package: pip install 'wxgate[{extra}]'."


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("", "is missing"),
        ("http://api.example.com/avatars", "must be https"),
        ("https://127.0.0.1/avatars", "must be https and name a public host"),
        ("https://10.0.0.7/avatars", "must be https and name a public host"),
        ("https://[fd00::7]/avatars", "must be https and name a public host"),
        ("https://wxgate/avatars", "must be https and name a public host"),
        ("https://localhost./avatars", "must be https and name a public host"),
    ],
)
def test_an_address_that_wechat_cannot_download_is_a_fault(url: str, advice: str, doctor: Doctor) -> None:
    assert doctor(WXGATE_AVATARS_PUBLIC_URL=url)["picture addresses"].startswith(
        f"FAULTWXGATE_AVATARS_PUBLIC_URL {advice}"
    )


def test_addresses_that_the_server_itself_may_not_serve_are_noticed(doctor: Doctor) -> None:
    path = "picture addresses: the server has pictures at /avatars, where WXGATE_AVATARS_PUBLIC_URL does not end"
    host = "picture addresses: WXGATE_HTTP_ALLOWED_HOSTS has no room for the host of WXGATE_AVATARS_PUBLIC_URL"
    good = doctor(WXGATE_HTTP_ALLOWED_HOSTS="*.example.com")
    assert path not in good
    assert host not in good
    odd = doctor(WXGATE_AVATARS_PUBLIC_URL="https://cdn.example.net/p", WXGATE_HTTP_ALLOWED_HOSTS="*.example.com")
    assert odd[path].startswith("WARN")
    assert odd[host].startswith("WARN")


def test_it_is_said_which_pictures_wechat_does_not_check(doctor: Doctor, wechat_simulator: WeChatSimulator) -> None:
    assert doctor()["picture checks: off, for they need message push"].startswith("WARN")
    assert "picture checks: off" in doctor(WXGATE_CHECK_PICTURE="off", **VARIABLES)
    assert "picture checks: after" in doctor(**VARIABLES)
    assert "picture checks: before" in doctor(WXGATE_CHECK_PICTURE="before", **VARIABLES)
    asked = doctor(WXGATE_CHECK_PICTURE="before")
    assert asked["picture checks"].startswith("FAULTWXGATE_CHECK_PICTURE needs message push ")
    secret = wechat_simulator.app_secret
    others = f'[{{"app_id":"{OTHER_APP}","app_secret":"{secret}"}}]'
    assert f"picture checks: none in {OTHER_APP}, which has no message push" in doctor(
        WXGATE_WECHAT_APPS=others, **VARIABLES
    )


def test_texts_are_not_tried_for_that_takes_a_user(doctor: Doctor) -> None:
    assert "text checks: strict, not tried, which takes a user's openid" in doctor(WXGATE_CHECK_TEXT="strict")
    assert "text checks: off" in doctor(WXGATE_CHECK_TEXT="off")
    assert APP_ID not in " ".join(doctor(WXGATE_AVATARS_STORE=""))
