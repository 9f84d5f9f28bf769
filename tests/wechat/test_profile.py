"""What the opened profile must be: its shapes, its watermark, and its agreement with the signed rawData."""

import pytest

from graph.wechat.errors import DecryptFailed
from tests.wechat.submissions import APP_ID, PROFILE, STAMP, USER_INFO, USER_PROFILE, WATERMARK, submit


def reason_for(plain: object, raw: object = PROFILE) -> str:
    with pytest.raises(DecryptFailed) as refusal:
        submit(plain, raw).open()
    return refusal.value.reason


def both(field: str, value: object) -> tuple[dict[str, object], dict[str, object]]:
    """WeChat itself signs and encrypts the value: only its shape is then in question."""
    return {**USER_INFO, field: value}, {**PROFILE, field: value}


@pytest.mark.parametrize(
    ("mark", "reason"),
    [
        (None, "watermark"),
        ("wx", "watermark"),
        ([], "watermark"),
        ({}, "watermark"),
        ({"timestamp": STAMP}, "watermark"),
        ({"timestamp": STAMP, "appid": 1}, "watermark"),
        ({"timestamp": STAMP, "appid": None}, "watermark"),
        ({"timestamp": STAMP, "appid": "wxffffffffffffffff"}, "watermark appid"),
        ({"timestamp": STAMP, "appid": APP_ID.upper()}, "watermark appid"),
        ({"appid": APP_ID}, "watermark timestamp"),
        ({"timestamp": True, "appid": APP_ID}, "watermark timestamp"),
        ({"timestamp": float(STAMP), "appid": APP_ID}, "watermark timestamp"),
        ({"timestamp": str(STAMP), "appid": APP_ID}, "watermark timestamp"),
        ({"timestamp": None, "appid": APP_ID}, "watermark timestamp"),
    ],
)
def test_the_watermark_names_this_app_and_a_whole_second(mark: object, reason: str) -> None:
    assert reason_for({**USER_INFO, "watermark": mark}) == reason


def test_without_a_watermark_nothing_is_believed() -> None:
    assert reason_for({name: value for name, value in USER_INFO.items() if name != "watermark"}) == "watermark"


def test_a_watermark_may_gain_fields() -> None:
    assert submit({**USER_INFO, "watermark": {**WATERMARK, "more": 1}}).open().watermark_at == STAMP


@pytest.mark.parametrize("openid", ["oSYNTHETIC0000000000000other", "", None, 1, ["o"]])
def test_an_openid_that_is_present_is_the_session_s(openid: object) -> None:
    assert reason_for({**USER_INFO, "openId": openid}) == "openid"


def test_the_openid_may_be_absent() -> None:
    assert submit({**PROFILE, "watermark": WATERMARK}).open().nick_name == "微信用户"


def test_the_openid_may_stand_anywhere() -> None:
    plain = {name: USER_INFO[name] for name in reversed(USER_INFO)}
    assert submit({**PROFILE, **plain}).open().nick_name == "微信用户"
    assert reason_for({**PROFILE, **plain, "openId": "o"}) == "openid"


@pytest.mark.parametrize("unionid", [None, 1, "o" * 65, "o-_é", "o o", "\0"])
def test_noise_cannot_hide_in_the_unionid(unionid: object) -> None:
    assert reason_for({**USER_INFO, "unionId": unionid}) == "unionid"


def without(field: str, plain: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in plain.items() if name != field}


@pytest.mark.parametrize("field", PROFILE)
def test_raw_data_alone_vouches_only_behind_an_openid_and_beside_a_nickname(field: str) -> None:
    raw = {**PROFILE, "city": "c", "gender": 1}
    plain = without(field, {**USER_INFO, **raw})
    assert reason_for(without("openId", plain), raw) in {"raw data", "first block"}
    assert reason_for(without(field, {**raw, **plain}), raw) == "raw data", "openId stands at the end"
    if field == "nickName":
        assert reason_for(plain, raw) == "raw data"
    else:
        profile = submit(plain, raw).open()
        assert (profile.nick_name, profile.city, profile.gender) == ("微信用户", "c", 1)


def test_a_field_is_not_missing_while_an_unknown_one_may_be_what_became_of_it() -> None:
    assert reason_for({**without("city", USER_INFO), "cits": ""}) == "raw data"
    assert submit({**USER_INFO, "cits": ""}).open().nick_name == "微信用户"


@pytest.mark.parametrize("unsigned", [{"more": "\x14"}, {"more": {"a": ["\n"]}}, {"\x01": 1}])
def test_a_control_character_needs_a_voucher(unsigned: dict[str, object]) -> None:
    assert reason_for({**USER_INFO, **unsigned}) == "control character"
    assert submit({**USER_INFO, **unsigned}, {**PROFILE, **unsigned}).open().watermark_at == STAMP


@pytest.mark.parametrize("field", PROFILE)
def test_a_profile_field_of_the_plaintext_must_be_in_raw_data(field: str) -> None:
    raw = {name: value for name, value in PROFILE.items() if name != field}
    assert reason_for(USER_INFO, raw) == "raw data"


@pytest.mark.parametrize("field", PROFILE)
def test_a_field_has_the_value_that_was_signed(field: str) -> None:
    other: object = 1 if field == "gender" else "x"
    assert reason_for({**USER_INFO, field: other}) == "raw data"
    assert reason_for({**USER_INFO, field: None}) == "raw data"


@pytest.mark.parametrize(("opened", "signed"), [(0, False), (0, 0.0), (0, "0"), (1, True), (2, 2.0), ("", None)])
def test_a_field_has_the_type_that_was_signed(opened: object, signed: object) -> None:
    assert reason_for({**USER_INFO, "gender": opened}, {**PROFILE, "gender": signed}) == "raw data"
    assert reason_for({**USER_INFO, "gender": signed}, {**PROFILE, "gender": opened}) == "raw data"


def test_unknown_fields_agree_too_however_deep() -> None:
    raw = {**PROFILE, "more": {"a": [1, {"b": 2, "c": None}]}}
    assert submit({**USER_INFO, "more": {"a": [1, {"c": None, "b": 2}]}}, raw).open().gender == 0
    assert reason_for({**USER_INFO, "more": {"a": [1, {"b": 2.0, "c": None}]}}, raw) == "raw data"
    assert reason_for({**USER_INFO, "more": {"a": [1, {"b": 2}]}}, raw) == "raw data"
    assert submit(USER_INFO, raw).open().gender == 0


def test_the_plaintext_may_gain_unknown_fields_behind_the_known_ones() -> None:
    assert submit({**USER_PROFILE, "is_demote": True, "more": {}}).open().nick_name == "微信用户"


@pytest.mark.parametrize(
    ("field", "longest"), [("nickName", 256), ("city", 128), ("province", 128), ("country", 128), ("language", 128)]
)
def test_texts_are_cut_and_what_is_no_text_is_empty(field: str, longest: int) -> None:
    def kept(value: object) -> object:
        profile = submit(*both(field, value)).open()
        return profile.nick_name if field == "nickName" else getattr(profile, field)

    assert kept("熊" * longest) == kept("熊" * (longest + 1)) == kept("\0" + "熊" * 300) == "熊" * longest
    others: list[object] = [None, 1, True, [], {}, "\0", "\u200b"]
    for value in others:
        assert kept(value) == ""


@pytest.mark.parametrize(
    ("gender", "kept"),
    [
        (1, 1),
        ("1", 1),
        (2, 2),
        ("2", 2),
        (3, 0),
        (-1, 0),
        (10**20, 0),
        (True, 0),
        (1.0, 0),
        ("", 0),
        (None, 0),
        ([], 0),
    ],
)
def test_gender_is_one_or_two_or_unknown(gender: object, kept: int) -> None:
    assert submit(*both("gender", gender)).open().gender == kept


@pytest.mark.parametrize("url", ["http://a/b", "https://thirdwx.qlogo.cn/mmopen/132", "https://".ljust(1024, "熊")])
def test_an_avatar_is_a_web_address(url: str) -> None:
    assert submit(*both("avatarUrl", url)).open().avatar_url == url


@pytest.mark.parametrize(
    "url", ["", "javascript:alert(1)", "//a/b", "https://", "ftp://a", "https://a\n", "https://a\x85"]
)
def test_nothing_else_is_an_avatar(url: str) -> None:
    others: list[object] = [url, f"x{url}", None, 1, ["https://a"], "https://".ljust(1025, "熊"), "https://a\0"]
    for value in others:
        assert submit(*both("avatarUrl", value)).open().avatar_url == ""


def test_absent_fields_are_empty() -> None:
    raw = {"nickName": "only a name"}
    profile = submit({**raw, "watermark": WATERMARK}, raw).open()
    assert (profile.nick_name, profile.avatar_url, profile.gender) == ("only a name", "", 0)
    assert (profile.city, profile.province, profile.country, profile.language) == ("", "", "", "")


def test_every_field_lands_where_it_belongs() -> None:
    raw: dict[str, object] = {
        "nickName": "n",
        "gender": 2,
        "language": "l",
        "city": "c",
        "province": "p",
        "country": "k",
        "avatarUrl": "https://a/",
    }
    profile = submit({**USER_INFO, **raw}, raw).open()
    assert (profile.nick_name, profile.gender, profile.language) == ("n", 2, "l")
    assert (profile.city, profile.province, profile.country) == ("c", "p", "k")
    assert (profile.avatar_url, profile.watermark_at) == ("https://a/", STAMP)
