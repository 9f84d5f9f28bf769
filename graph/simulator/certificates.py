"""A certificate for WeChat's own names, of a CA that is made up each time. Needs trustme (`wxgate[simulator]`).

trustme, and not cryptography by itself: it is those hundred lines about it that each project writes wrongly once. The
key of the CA is never written, so that a client which trusts the file trusts this one process and nothing later.
"""

import ssl
from pathlib import Path
from typing import Final

import trustme

from graph.simulator.names import HOSTS

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")


def issue(ca_file: Path, *names: str) -> ssl.SSLContext:
    """What the server is to show, for WeChat's names, this machine's own and `names`; the CA is written as PEM.

    Raises `OSError`.
    """
    authority = trustme.CA(organization_name="wxgate simulate", organization_unit_name="a CA for tests")
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*dict.fromkeys((*HOSTS, *LOCAL_NAMES, *names))).configure_cert(context)
    return context
