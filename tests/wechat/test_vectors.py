"""Every vector of vectors.json, official or made up, gives what it says."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from graph.wechat.crypto import decrypt, hmac_sha256, sign
from graph.wechat.errors import DecryptFailed, MalformedSubmission
from tests.wechat.submissions import Parts

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
    kinds = {vector["kind"] for vector in OFFICIAL.values()}
    assert kinds == {"decrypt", "signature", "hmac"}
    assert set(MADE_UP) - set(WHOLE) == {"syn-phone", "syn-checksession"}
    assert {MADE_UP[name]["expect"] for name in WHOLE} == {"ok", *REFUSALS}


def test_the_official_user_info_decrypts_to_its_plaintext() -> None:
    vector = OFFICIAL["official-userinfo-band"]
    opened = decrypt(SecretStr(vector["session_key"]), vector["encryptedData"], vector["iv"])
    assert opened == json.loads(vector["plaintext"])
    assert list(opened) == list(json.loads(vector["plaintext"]))


def test_the_official_signature_is_reproduced() -> None:
    vector = OFFICIAL["official-signature-band"]
    assert sign(vector["rawData"], SecretStr(vector["session_key"])) == vector["signature"]


@pytest.mark.parametrize(
    "vector",
    [OFFICIAL["official-hmac-post"], MADE_UP["syn-checksession"]],
    ids=lambda vector: vector["id"],
)
def test_the_checksession_signature_is_keyed_with_the_text(vector: dict[str, Any]) -> None:
    assert hmac_sha256(vector["message"], SecretStr(vector["session_key"])) == vector["signature"]


def test_the_phone_number_decrypts_to_its_plaintext() -> None:
    vector = MADE_UP["syn-phone"]
    opened = decrypt(SecretStr(vector["session_key"]), vector["encryptedData"], vector["iv"])
    assert opened == json.loads(vector["plaintext"])


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
    assert getattr(refusal.value, "field", None) == what or getattr(refusal.value, "reason", None) == what
