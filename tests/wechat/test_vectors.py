"""Every vector of vectors.json, official or made up, gives what it says."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from graph.wechat.errors import DecryptFailed, MalformedSubmission
from tests.wechat.submissions import PROFILE, NotSigned, Parts, b64, secret, submit

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))
OFFICIAL: dict[str, Any] = {vector["id"]: vector for vector in VECTORS["official"]}
MADE_UP: dict[str, Any] = {vector["id"]: vector for vector in VECTORS["made_up"]}
WHOLE = [name for name, vector in MADE_UP.items() if vector.get("rawData")]
GOOD = [name for name in WHOLE if MADE_UP[name]["expect"] == "ok"]

REFUSALS: dict[str, tuple[type[Exception], str]] = {
    "WATERMARK_APPID_MISMATCH": (DecryptFailed, "watermark appid"),
    "OPENID_MISMATCH": (DecryptFailed, "openid"),
    "DECRYPT_FAILED": (DecryptFailed, "padding"),
    "MALFORMED_BASE64": (MalformedSubmission, "encryptedData"),
}


def parts(vector: dict[str, Any]) -> Parts:
    return Parts(
        raw_data=vector["rawData"],
        signature=vector["signature"],
        encrypted_data=vector["encryptedData"],
        iv=vector["iv"],
    )


def test_no_vector_is_left_out() -> None:
    # The simulator's tests use those of kind "hmac" and those without rawData.
    assert {vector["kind"] for vector in OFFICIAL.values()} == {"decrypt", "signature", "hmac"}
    assert {MADE_UP[name]["expect"] for name in WHOLE} == {"ok", *REFUSALS}


def test_the_official_user_info_opens_to_its_plaintext() -> None:
    vector = OFFICIAL["official-userinfo-band"]
    plaintext = json.loads(vector["plaintext"])
    key = base64.b64decode(vector["session_key"])
    made = submit("", {name: value for name, value in plaintext.items() if name in PROFILE}, key=key)
    profile = made.but(encrypted_data=vector["encryptedData"], iv=vector["iv"]).open(
        key=secret(key), app_id=vector["appid"], openid=plaintext["openId"], now=plaintext["watermark"]["timestamp"]
    )
    assert (profile.nick_name, profile.city, profile.gender) == ("Band", "Guangzhou", 1)
    assert profile.avatar_url == plaintext["avatarUrl"]


def test_the_official_signature_is_reproduced() -> None:
    vector = OFFICIAL["official-signature-band"]
    signed = Parts(vector["rawData"], vector["signature"], encrypted_data=b64(bytes(16)), iv=b64(bytes(16)))
    with pytest.raises(DecryptFailed):
        signed.open(key=SecretStr(vector["session_key"]))
    with pytest.raises(NotSigned):
        signed.open()


@pytest.mark.parametrize("name", GOOD)
def test_a_good_submission_opens_to_the_profile_it_carries(name: str) -> None:
    vector = MADE_UP[name]
    raw = json.loads(vector["rawData"])
    profile = parts(vector).open(key=SecretStr(vector["session_key"]), app_id=vector["appid"], openid=vector["openid"])
    assert profile.nick_name == raw["nickName"]
    assert profile.avatar_url == raw["avatarUrl"]
    assert (profile.gender, profile.language) == (raw["gender"], raw["language"])
    assert profile.watermark_at == 1_700_000_000


@pytest.mark.parametrize("name", [name for name in WHOLE if name not in GOOD])
def test_a_bad_submission_is_refused_for_what_is_wrong_with_it(name: str) -> None:
    vector = MADE_UP[name]
    kind, what = REFUSALS[vector["expect"]]
    with pytest.raises(kind) as refusal:
        parts(vector).open(key=SecretStr(vector["session_key"]), app_id=vector["appid"], openid=vector["openid"])
    assert getattr(refusal.value, "reason", str(refusal.value)).startswith(what)
