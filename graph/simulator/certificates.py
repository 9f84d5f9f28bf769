"""A certificate for WeChat's own names, of a CA that is made up each time. Needs trustme (`wxgate[simulator]`).

trustme, and not cryptography by itself: it is those hundred lines about it that each project writes wrongly once. The
key of the CA is never written, so that a client which trusts the file trusts this one process and nothing later.
"""

import errno
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Final

import trustme

from graph.simulator.descriptions import HOSTS

_LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
_ORGANISATION: Final = "wxgate simulate"


def issue(ca_file: Path, *names: str) -> ssl.SSLContext:
    """What the server is to show, for WeChat's names, this machine's own and `names`; the CA is written as PEM.

    Raises `OSError`, also where the file is there and is not such a CA: it may be one that others need.
    """
    if ca_file.exists() and not _may_be_replaced(ca_file.read_bytes()):
        raise FileExistsError(errno.EEXIST, "is no CA of wxgate simulate, and is not replaced", str(ca_file))
    authority = trustme.CA(organization_name=_ORGANISATION, organization_unit_name="a CA for tests")
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*dict.fromkeys((*HOSTS, *_LOCAL_NAMES, *names))).configure_cert(context)
    return context


def _may_be_replaced(content: bytes) -> bool:
    """Whether it is nothing, or one certificate that this module has made."""
    if content.count(b"-----BEGIN") > 1:
        return False
    with suppress(ValueError):
        return not content or _ORGANISATION.encode() in ssl.PEM_cert_to_DER_cert(content.decode("ascii"))
    return False
