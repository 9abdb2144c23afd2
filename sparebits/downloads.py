"""What all downloads share: they do not hang, and a failure says what to do without a network."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from sparebits.errors import InputError

TIMEOUT_SECONDS = 30


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
