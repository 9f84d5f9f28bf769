"""Which mini-program a request means: what it names, else its Referer, else the first."""

import pytest
from pydantic import SecretStr

from graph.wechat.errors import AppIdMalformed, AppUnknown
from graph.wechat.mini_programs import MiniProgram, MiniPrograms

FIRST, SECOND, FOREIGN = "wx5a1f0c9be2d37846", "wx00c1f0c9be2d3784", "wxffffffffffffffff"


def served(*app_ids: str, names_them: bool = False) -> MiniPrograms:
    return MiniPrograms([MiniProgram(app_id, SecretStr("secret")) for app_id in app_ids], names_them=names_them)


def referer(app_id: str, version: str = "128") -> str:
    return f"https://servicewechat.com/{app_id}/{version}/page-frame.html"


@pytest.mark.parametrize("version", ["devtools", "0", "1", "128"])
def test_the_referer_that_wechat_sets_names_the_mini_program(version: str) -> None:
    app, foreign = served(FIRST, SECOND).requested(None, referer(SECOND, version))
    assert (app.app_id, foreign) == (SECOND, None)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        referer("touristappid"),
        referer(SECOND).replace("https", "http"),
        referer(SECOND) + "?q=1",
        referer(SECOND) + "/more",
        referer(SECOND).replace(".com", ".com.example.com"),
        referer(SECOND, "1" * 17),
        referer(SECOND.upper()),
        referer(SECOND) + " " * 300,
        f"https://example.com/{SECOND}/1/page-frame.html",
    ],
)
def test_without_a_referer_of_wechats_the_first_is_meant(text: str | None) -> None:
    app, foreign = served(FIRST, SECOND).requested(None, text)
    assert (app.app_id, foreign) == (FIRST, None)


def test_what_a_request_names_goes_before_its_referer() -> None:
    assert served(FIRST, SECOND).requested(FIRST, referer(SECOND)).app.app_id == FIRST
    assert served(FIRST, SECOND).requested(SECOND, referer(FIRST)).app.app_id == SECOND


@pytest.mark.parametrize(
    "name", ["", " ", FIRST.upper(), f"{FIRST}, {FIRST}", f"{FIRST}\0", "touristappid", "wx" * 999]
)
def test_a_name_that_is_no_app_id_is_malformed(name: str) -> None:
    with pytest.raises(AppIdMalformed):
        served(FIRST).requested(name, None)


def test_a_mini_program_that_is_not_served_is_unknown() -> None:
    for apps in (served(FIRST), served(FIRST, SECOND)):
        with pytest.raises(AppUnknown) as caught:
            apps.requested(FOREIGN, None)
        assert list(caught.value.served) == []
    with pytest.raises(AppUnknown) as caught:
        served(FIRST, SECOND, names_them=True).requested(None, referer(FOREIGN))
    assert list(caught.value.served) == [FIRST, SECOND]


def test_where_one_alone_is_served_a_foreign_referer_refuses_nothing() -> None:
    app, foreign = served(FIRST).requested(None, referer(FOREIGN))
    assert (app.app_id, foreign) == (FIRST, FOREIGN)
