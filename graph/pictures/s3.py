"""Pictures in a bucket of what speaks S3: Tencent's COS, Alibaba's OSS, AWS, MinIO.

What `minio` raises holds URLs, bodies and names of objects, and comes no further than this file.
"""

import re
import ssl
from collections.abc import Callable
from io import BytesIO
from typing import ClassVar, Final
from urllib.parse import urlsplit

import certifi
import urllib3
from minio import Minio
from minio.error import S3Error, ServerError
from pydantic import SecretStr

from graph.pictures.blocking import BlockingStore
from graph.pictures.errors import StoreMisconfigured, StoreUnavailable
from graph.pictures.location import S3Location

_CONTENT_TYPE: Final = "image/jpeg"
# A name is never used twice.
_CACHE_CONTROL: Final = "public, max-age=31536000, immutable"

_MISSING: Final = "NoSuchKey"
# What a repetition mends, beside every status from 500 on.
_PASSING_CODES: Final = {"OperationAborted", "RequestTimeout", "SlowDown", "Throttling", "TooManyRequests"}
_PASSING_STATUSES: Final = {408, 409, 429}
_FIRST_OF_SERVERS: Final = 500
_CODE: Final = re.compile(r"[A-Za-z0-9]{1,64}")


class S3Store(BlockingStore):
    """Objects that clients of the public URL can read: the bucket, or what stands before it, has to let them."""

    # Together below the seconds of a call.
    connect_seconds: ClassVar[float] = 3.0
    read_seconds: ClassVar[float] = 8.0

    def __init__(
        self, location: S3Location, *, public_url: str, access_key: SecretStr | None, secret_key: SecretStr | None
    ) -> None:
        """Raises `StoreMisconfigured` without keys, and for an endpoint that `minio` does not take."""
        super().__init__(public_url)
        if access_key is None or secret_key is None:
            reason = "no access key or secret key is set"
            raise StoreMisconfigured(reason)
        endpoint = urlsplit(location.endpoint)
        is_https = endpoint.scheme == "https"
        self._connections = urllib3.PoolManager(
            maxsize=self.calls_at_once,
            timeout=urllib3.Timeout(connect=self.connect_seconds, read=self.read_seconds),
            # urllib3 would log the URL of what it repeats. A redirection is an answer as well.
            retries=False,
            ssl_context=_trusted() if is_https else None,
        )
        try:
            self._client = Minio(
                endpoint.netloc,
                access_key=access_key.get_secret_value(),
                secret_key=secret_key.get_secret_value(),
                secure=is_https,
                region=location.region,
                http_client=self._connections,
            )
        except ValueError:
            reason = "the endpoint is none of S3's"
            raise StoreMisconfigured(reason) from None
        if location.style == "virtual":
            self._client.enable_virtual_style_endpoint()
        else:
            self._client.disable_virtual_style_endpoint()
        self._bucket = location.bucket
        self._prefix = f"{location.prefix}/" if location.prefix else ""

    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)
        self._connections.clear()

    def _put(self, name: str, data: bytes) -> None:
        _translated(
            lambda: self._client.put_object(
                self._bucket,
                self._prefix + name,
                BytesIO(data),
                len(data),
                content_type=_CONTENT_TYPE,
                metadata={"Cache-Control": _CACHE_CONTROL},
            )
        )

    def _delete(self, name: str) -> None:
        _translated(lambda: self._client.remove_object(self._bucket, self._prefix + name))


def _trusted() -> ssl.SSLContext:
    """The certificates of the system, where an operator may have added some, and the public ones."""
    trusted = ssl.create_default_context()
    trusted.load_verify_locations(certifi.where())
    return trusted


def _translated(call: Callable[[], object]) -> None:
    """Makes a call, and once more where the server had just closed an idle connection."""
    try:
        try:
            call()
        except urllib3.exceptions.ProtocolError:
            call()
    except S3Error as error:
        if error.code != _MISSING:
            raise _refusal(error) from None
    except ServerError as error:
        reason = f"HTTP status {error.status_code}"
        raise StoreUnavailable(reason) from None
    except urllib3.exceptions.NewConnectionError:
        reason = "no connection"
        raise StoreUnavailable(reason) from None
    except urllib3.exceptions.TimeoutError:
        reason = "no answer in time"
        raise StoreUnavailable(reason) from None
    except urllib3.exceptions.HTTPError as error:
        raise StoreUnavailable(type(error).__name__) from None
    except Exception as error:
        # Of a body that is no XML, or not S3's: `minio` passes on whatever its parsers raise.
        reason = f"no answer of S3's ({type(error).__name__})"
        raise StoreUnavailable(reason) from None


def _refusal(error: S3Error) -> StoreUnavailable | StoreMisconfigured:
    status = error.response.status
    code = error.code if error.code and _CODE.fullmatch(error.code) else f"HTTP status {status}"
    passes = code in _PASSING_CODES or status in _PASSING_STATUSES or status >= _FIRST_OF_SERVERS
    return StoreUnavailable(code) if passes else StoreMisconfigured(code)
