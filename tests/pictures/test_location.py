"""Where pictures are kept, as operators write it."""

from pathlib import Path
from typing import Final

import pytest

from graph.pictures.location import DirectoryLocation, S3Location, parse_location

COS: Final = "https://cos.ap-shanghai.myqcloud.com"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///var/lib/wxgate/avatars", "/var/lib/wxgate/avatars"),
        ("file:///var/lib/wxgate/avatars/", "/var/lib/wxgate/avatars"),
        ("file:///srv/my%20pictures", "/srv/my pictures"),
        ("file:///srv/图片", "/srv/图片"),
    ],
)
def test_a_file_url_is_a_directory(url: str, path: str) -> None:
    assert parse_location(url) == DirectoryLocation(Path(path))


@pytest.mark.parametrize(
    ("url", "location"),
    [
        (
            f"s3://wx-pictures-1250000000?endpoint={COS}&region=ap-shanghai",
            S3Location("wx-pictures-1250000000", "", COS, "ap-shanghai", "virtual"),
        ),
        (
            f"s3://bucket/a/b.c_d-e/?endpoint={COS}/&region=ap-shanghai&style=virtual",
            S3Location("bucket", "a/b.c_d-e", COS, "ap-shanghai", "virtual"),
        ),
        (
            "s3://a.bucket/?endpoint=https%3A%2F%2F10.0.0.7%3A9000&style=path",
            S3Location("a.bucket", "", "https://10.0.0.7:9000", "us-east-1", "path"),
        ),
        (
            "s3://bucket?endpoint=http://127.0.0.1:9000&style=path",
            S3Location("bucket", "", "http://127.0.0.1:9000", "us-east-1", "path"),
        ),
        ("s3://bucket?endpoint=http://localhost", S3Location("bucket", "", "http://localhost", "us-east-1", "virtual")),
        (
            "s3://bucket?endpoint=https://minio:65535",
            S3Location("bucket", "", "https://minio:65535", "us-east-1", "virtual"),
        ),
    ],
)
def test_an_s3_url_is_a_bucket(url: str, location: S3Location) -> None:
    assert parse_location(url) == location


@pytest.mark.parametrize(
    "url",
    [
        *("", "avatars", "/var/lib/wxgate", "http://example.com/avatars", "s3:bucket", "file:", "file://", "file:///"),
        *("file://host/srv/avatars", "file:///srv?x=1", "file:///srv#x", "file:srv/avatars", "file:////", "s3://["),
        *("file:///srv/../etc", "file:///srv/%2e%2e/etc", "file:///srv/a%00b", "file:///srv/a b", "file:///srv/a\nb"),
        "file:///.",
    ],
)
def test_what_is_no_location_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        parse_location(url)


@pytest.mark.parametrize(
    "bucket",
    [
        *("", "ab", "a" * 64, "a..b", "a.-b", "a-.b", "-ab", "ab-", ".ab", "ab.", "192.168.1.1", "Bucket", "a_b"),
        *("buck et", "user@bucket", "user:pw@bucket", "bucket:9000", "xn--bucket", "bucket-s3alias", "bucket--ol-s3"),
        *("桶桶桶", "a%2fb", "bucket\\"),
    ],
)
def test_what_is_no_bucket_is_refused(bucket: str) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        parse_location(f"s3://{bucket}/prefix?endpoint={COS}&style=path")


@pytest.mark.parametrize(
    "prefix", ["..", ".", "a/../b", "a/./b", "a//b", "/a", "a//", "a%2fb", "a b", "a\\b", "é", "a*"]
)
def test_what_is_no_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        parse_location(f"s3://bucket/{prefix}?endpoint={COS}")


@pytest.mark.parametrize(
    "query",
    [
        *("", "endpoint=", "region=ap-shanghai", "endpoint", "endpoint=cos.myqcloud.com", "endpoint=ftp://example.com"),
        *("endpoint=http://example.com", "endpoint=http://10.0.0.7", "endpoint=http://127.0.0.1.example.com"),
        *("endpoint=http://128.0.0.1", "endpoint=https://example.com/path", "endpoint=https://user@example.com"),
        *("endpoint=https://user:password@example.com", "endpoint=https://example.com?x", "endpoint=https://"),
        *("endpoint=https://example.com:65536", "endpoint=https://example.com:0", "endpoint=https://example.com:x"),
        *(
            "endpoint=https://-example.com",
            "endpoint=https://a..b",
            "endpoint=https://EXAMPLE.com",
            "endpoint=https://[",
        ),
        *(
            f"endpoint={COS}&region=-",
            f"endpoint={COS}&region=",
            f"endpoint={COS}&region=-a",
            f"endpoint={COS}&region=a-",
        ),
        *(f"endpoint={COS}&region=A", f"endpoint={COS}&region=a/b", f"endpoint={COS}&region={'a' * 64}"),
        *(f"endpoint={COS}&style=", f"endpoint={COS}&style=Path", f"endpoint={COS}&style=dns"),
        *(
            f"endpoint={COS}&endpoint={COS}",
            f"endpoint={COS}&region=a&region=a",
            f"endpoint={COS}&style=path&style=path",
        ),
        *(f"endpoint={COS}&access_key=x", f"endpoint={COS}&Style=path", f"endpoint={COS}&", f"endpoint={COS}#x"),
        *("endpoint=https://s3.eu-west-1.amazonaws.com", "endpoint=https://s3.cn-north-1.amazonaws.com.cn:443"),
        *("endpoint=https://10.0.0.7", "endpoint=http://127.0.0.1:9000&style=virtual", "endpoint=https://[::1]"),
    ],
)
def test_what_is_no_endpoint_region_or_style_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        parse_location(f"s3://bucket/prefix?{query}")


def test_a_bucket_with_dots_is_no_name_that_a_certificate_covers() -> None:
    with pytest.raises(ValueError, match=r"^must have style=path"):
        parse_location(f"s3://a.bucket?endpoint={COS}")


def test_no_message_holds_what_was_written() -> None:
    for url in ("s3://SECRET", "s3://bucket/SECRET!?x", f"s3://bucket?endpoint={COS}&SECRET=1", "s3://bucket?SECRET"):
        with pytest.raises(ValueError, match=r"^must ") as raised:
            parse_location(url)
        assert "SECRET" not in str(raised.value)
