"""A lock that a run holds only while it lives."""

import fcntl
import os
from pathlib import Path

from sparebits.errors import InputError

_held = []


def hold_lock(path: str | Path) -> None:
    """Take the lock file until this process ends, however it ends; the operating system then lets go of it.

    Raises:
        InputError: if another living process holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "a+")  # noqa: SIM115 (stays open on purpose: closing it would release the lock)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise InputError(
            f"another run, process {holder}, works in {path.parent.resolve()}; wait for it or end it"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    _held.append(file)
