"""What all downloads share: they do not hang, and a failure says what to do without a network."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from sparebits.errors import InputError

TIMEOUT_SECONDS = 30
PROBE_SECONDS = 5


@contextmanager
def download(what: str, remedy: str) -> Iterator[None]:
    """Run a download in the block.

    Raises:
        InputError: "`what` cannot be downloaded (...). Connect to a network, or `remedy`".
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        yield
    except (OSError, RuntimeError) as error:  # URLError is an OSError
        reason = getattr(error, "reason", error)
        raise InputError(f"{what} cannot be downloaded ({reason}). Connect to a network, or {remedy}") from None
    finally:
        socket.setdefaulttimeout(before)


def unreachable(url: str) -> str | None:
    """Why the server of a URL, or the proxy on the way to it, takes no connection; None if it does.

    Takes a few seconds at most, and that only once for all URLs of a server.
    """
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname):
        way = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        return _refusal(way.hostname, way.port or 80, f"the proxy {way.hostname}")
    return _refusal(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), parts.hostname)


@cache
def _refusal(host: str, port: int, title: str) -> str | None:
    try:
        socket.create_connection((host, port), timeout=PROBE_SECONDS).close()
    except OSError as error:
        return f"{title} cannot be reached: {error.strerror or error}"
    return None
